/** The tables of docs/training.md that say what the rule takes, from those that it goes by. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withBlock } from '../bench/docs.ts';
import { columnsOf, markdownTable, type Table } from '../bench/table.ts';
import {
  BY_MUON,
  BY_OTHERS,
  BY_PASSES,
  BY_VOCABULARY,
  FROM_SECONDS,
  type Row,
} from '../src/config/rule-numbers.ts';

export const TRAINING = fileURLToPath(new URL('../docs/training.md', import.meta.url));

/** `text`, the document, with the tables as they are now. */
export function withRuleTables(text: string): string {
  const tables = [
    sizes('By Muon', BY_MUON),
    sizes('By another optimizer', BY_OTHERS),
    vocabularies(),
    passes(),
  ];
  return withBlock(text, 'rule', tables.map(markdownTable).join('\n\n'));
}

function sizes(title: string, rows: readonly Row[]): Table {
  const columns = FROM_SECONDS.map((from) => `from ${from} s`);
  return {
    title,
    subtitle: 'layers × units, dropout, learning rate, weight decay',
    columns: columnsOf('tokens to train on', 'streams', ...columns),
    rows: rows.map(({ from, batchSize, bySeconds }) => [
      `from ${from.toLocaleString('en')}`,
      `${batchSize}`,
      ...bySeconds.map(
        ({ layers, hiddenSize, dropout, learningRate, weightDecay }) =>
          `${layers}×${hiddenSize}, ${dropout}, ${learningRate}, ${weightDecay}`,
      ),
    ]),
    notes: [],
  };
}

/** What a vocabulary is taken for, by its name in the code. */
function taken(kind: string): string {
  return kind === 'parts' ? 'parts of words' : kind;
}

function vocabularies(): Table {
  return {
    title: 'By the vocabulary',
    columns: columnsOf('tokens in it', 'taken for', 'embedding, at most', 'layers, at most'),
    rows: BY_VOCABULARY.map(({ from, kind, embeddingSize, mostLayers }) => [
      `from ${from.toLocaleString('en')}`,
      taken(kind),
      embeddingSize < 65_536 ? `${embeddingSize}` : 'the units of a layer',
      `${mostLayers}`,
    ]),
    notes: [],
  };
}

function passes(): Table {
  const kinds = Object.entries(BY_PASSES);
  return {
    title: 'By the passes over the text that there will be',
    columns: columnsOf(
      ...['taken for', 'passes', 'weight decay by Muon, at least'],
      ...['dropout of embeddings', 'dropout, besides'],
    ),
    rows: kinds.flatMap(([kind, entries]) =>
      entries
        .slice(1)
        .map(({ from, leastDecay, dropoutEmbedding, moreDropout }) => [
          taken(kind),
          ...[`from ${from}`, `${leastDecay}`, `${dropoutEmbedding}`, `${moreDropout}`],
        ]),
    ),
    notes: [],
  };
}

/** Brings the document up to date. */
export function writeRuleTables(): void {
  writeFileSync(TRAINING, withRuleTables(readFileSync(TRAINING, 'utf8')));
}
