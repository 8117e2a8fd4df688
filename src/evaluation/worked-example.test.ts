/** The worked example of docs/evaluation.md, by the code that it tells of. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { cutChunks } from '../data/testing/cut-chunks.ts';
import { TokenArray, type TokenSequence } from '../data/token-sequence.ts';
import { WordTokenizer } from '../data/word-tokenizer.ts';
import { weightsOf } from '../model/weights.ts';
import { type ScoringOptions, scoreTokens } from './evaluate.ts';
import { type EvaluationReport, LossTotals } from './report.ts';
import { scoreLines } from './score-lines.ts';
import { scoreStreams } from './score-streams.ts';
import type { ScoringModel } from './score-window.ts';
import { unigramModel } from './testing/unigram-model.ts';
import { scoredSize, sizeOfLines } from './text-size.ts';
import { tokenLines } from './token-lines.ts';

const docs = readFileSync(new URL('../../docs/evaluation.md', import.meta.url), 'utf8');
const TEXT = 'to be or not to be\nto be or else\n';
const tokenizer = new WordTokenizer(['to', 'be', 'or', 'not'], {
  lowercase: false,
  endOfText: false,
  wordSplit: 'whitespace',
});
const ids = tokenizer.encode(TEXT);
const sequence = new TokenArray(ids);
const part = { sequence, tokens: 12, unknown: 1, characters: 33, bytes: 33, documents: 1 };
const text = { part, chunks: () => cutChunks([TEXT]) };

let model: ScoringModel;

beforeAll(async () => {
  await useBackend('cpu');
  const { config, parameters } = unigramModel([1 / 16, 1 / 4, 1 / 4, 1 / 4, 1 / 8, 1 / 16]);
  model = { config, weights: weightsOf(parameters) };
});

/** What the docs say under `convention`: tokens, bits and figures. */
function documented(convention: string): number[] {
  const row = docs.split('\n').find((line) => line.startsWith(`| ${convention} | `));
  const cells = row?.split(' | ').slice(1) ?? [];
  return cells.map((cell) => Number(/(?:= )?([\d.]+)(?: \|| tokens.*)?$/.exec(cell)?.[1]));
}

function figures(report: EvaluationReport): number[] {
  const { tokens, natsPerToken, perplexity, perplexityWithoutOov, bitsPerCharacter } = report;
  const bits = (natsPerToken * tokens) / Math.LN2;
  return [tokens, bits, perplexity, perplexityWithoutOov, bitsPerCharacter];
}

function expectDocumented(report: EvaluationReport, convention: string): void {
  const [found, expected] = [figures(report), documented(convention)];
  expect(expected).toHaveLength(5);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(value - found[i]!)).toBeLessThan(i < 2 ? 1e-5 : 6e-4);
  }
}

async function totalsOf(
  score: (options: ScoringOptions) => Promise<void>,
): Promise<{ totals: LossTotals; places: number[] }> {
  const totals = new LossTotals(tokenizer.unknownId);
  const places: number[] = [];
  await score({
    onLosses: (scored) => {
      totals.add(scored);
      places.push(...Array.from(scored.losses, (_, i) => scored.start + i));
      const read = new Int32Array(scored.targets.length);
      (sequence as TokenSequence).read(scored.start, read);
      expect(read).toEqual(scored.targets);
    },
  });
  return { totals, places: places.sort((a, b) => a - b) };
}

describe('the worked example', () => {
  it('is of this text and these tokens', () => {
    expect(docs).toContain(`\`\`\`text\n${TEXT}\`\`\``);
    const shown = Array.from(ids, (id) => (id === 0 ? '`<unk>`' : tokenizer.token(id)));
    expect(docs).toContain(`| token | ${shown.join(' | ').replaceAll('<eol>', '⏎')} |`);
  });

  it('has the figures of one stream', async () => {
    const { totals, places } = await totalsOf((options) =>
      scoreTokens(model.config, model.weights, sequence, options),
    );
    expect(places).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
    const report = totals.report(await scoredSize(text, tokenizer));
    expectDocumented(report, 'one stream');
    expect(report).toMatchObject({ words: 11, oovTokens: 1 });
    expect(report.perplexityPerWord).toBe(report.perplexity);
  });

  it('has those of five streams, with what they leave out', async () => {
    const { totals, places } = await totalsOf((options) =>
      scoreStreams(model, sequence, 5, options),
    );
    expect(places).toEqual([1, 3, 5, 7, 9]);
    const report = totals.report(await scoredSize(text, tokenizer, { streams: 5 }));
    expectDocumented(report, '`--streams 5`');
  });

  it('has those of lines by themselves, and what score prints of them', async () => {
    const lines = [];
    for await (const group of tokenLines(cutChunks([TEXT]), tokenizer)) lines.push(...group);
    const losses = await scoreLines(model, lines, async () => undefined);
    const totals = new LossTotals(tokenizer.unknownId);
    for (const [i, { ids: line, context }] of lines.entries()) {
      const scored = { targets: line.subarray(context), losses: losses[i]! };
      totals.add(scored);
      const one = new LossTotals(tokenizer.unknownId);
      one.add(scored);
      const printed = docs.split('\n').find((row) => row.startsWith(`${i + 1}\t`));
      const [, logProbability, tokens, oovTokens] = printed!.split('\t').map(Number);
      expect({ tokens, oovTokens }).toEqual({ tokens: one.tokens, oovTokens: one.oovTokens });
      expect(Math.abs(logProbability! + one.nats)).toBeLessThan(1e-5);
    }
    const { lines: count, ...size } = await sizeOfLines(cutChunks([TEXT]));
    expect(count).toBe(2);
    expectDocumented(totals.report(size), '`--reset-per-line`');
  });
});
