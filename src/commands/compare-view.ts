/** What `compare` shows: tables of the models, or one JSON object. */
import stringWidth from 'string-width';
import type { CompareOptions } from '../config/commands.ts';
import type { Interval } from '../evaluation/bootstrap.ts';
import type { SegmentTotals } from '../evaluation/segment-totals.ts';
import type { Segments } from '../evaluation/segments.ts';
import { comparisonNotes } from './compare-notes.ts';
import { count, figure, outStyle, printJson, printLine, showInline } from './terminal.ts';

export interface ComparedModel {
  /** As the user calls it. */
  name: string;
  /** Of its checkpoint. */
  path: string;
  totals: SegmentTotals;
  /** To the first model; that has none. */
  difference: Interval | undefined;
  /** As `predictsSpaces` finds of its tokenizer. */
  predictsSpaces: boolean;
}

export interface Comparison {
  models: readonly ComparedModel[];
  /** The part of the runs' own text, or the texts. */
  split: string;
  /** Of the whole text. */
  bytes: number;
  segments: Segments;
  options: CompareOptions;
}

const LEVEL = 0.95;
const CONVENTION =
  'total nats of the same bytes: all after the first word; ends of texts left out; ' +
  'one stream, state carried from zeros';
const NAME_WIDTH = 26;
const TITLE_WIDTH = 18;

/** Prints the figures as one object. */
export function printComparison({ models, split, bytes, segments, options }: Comparison): void {
  const words = wordsOf(segments);
  const { unit, per, start, ends } = segments;
  printJson({
    split,
    words,
    bytes: bytes - start,
    segments: { count: ends.length, unit, per },
    resamples: options.resamples,
    seed: options.seed,
    level: LEVEL,
    convention: CONVENTION,
    notes: comparisonNotes(models, segments).map((lines) => lines.join(' ')),
    models: models.map(({ name, path, totals, difference }) => ({
      model: name,
      path,
      tokens: totals.tokens,
      oovTokens: totals.oovTokens,
      ...figuresOf(totals, words, bytes - start),
      ...(difference && {
        difference: {
          against: models[0]?.name,
          natsPerWord: difference.estimate,
          low: difference.low,
          high: difference.high,
          betterShare: difference.belowZero,
        },
      }),
    })),
  });
}

/** Shows the figures in lines of at most 80 columns. */
export function showComparison({ models, split, bytes, segments, options }: Comparison): void {
  const words = wordsOf(segments);
  printLine(`${outStyle.bold(showInline(split))}: ${count(words)} words`);
  const headings = ['tokens', '<unk>', 'per word', 'nats/word', 'bits/byte'];
  const widths = [12, 10, 10, 11, 11];
  printRow('model', headings, widths, outStyle.dim);
  for (const { name, totals } of models) {
    const { perplexityPerWord, natsPerWord, bitsPerByte } = figuresOf(
      totals,
      words,
      bytes - segments.start,
    );
    const cells = [
      count(totals.tokens),
      count(totals.oovTokens),
      figure(perplexityPerWord),
      natsPerWord.toFixed(4),
      bitsPerByte.toFixed(4),
    ];
    printRow(name, cells, widths);
  }
  printLine();
  const against = `against ${models[0]?.name}`;
  printRow(against, ['nats/word', '95 % interval', 'better in'], [11, 24, 12], outStyle.dim);
  for (const { name, difference } of models) {
    if (!difference) continue;
    const { estimate, low, high, belowZero } = difference;
    const interval = `${signed(low)} to ${signed(high)}`;
    printRow(name, [signed(estimate), interval, `${(100 * belowZero).toFixed(1)} %`], [11, 24, 12]);
  }
  printLine();
  const { unit, per, ends } = segments;
  printTitled('interval', [
    `paired bootstrap, ${count(options.resamples)} samples of ${count(ends.length)} segments`,
    `each segment ${per === 1 ? `one ${unit.slice(0, -1)}` : `${count(per)} ${unit}`}`,
  ]);
  printTitled('convention', CONVENTION.split('; '));
  for (const lines of comparisonNotes(models, segments)) printTitled('note', lines);
}

/** The figures that do not depend on what a token is. */
function figuresOf({ nats }: SegmentTotals, words: number, bytes: number) {
  const total = nats.reduce((sum, of) => sum + of, 0);
  return {
    nats: total,
    natsPerWord: total / words,
    perplexityPerWord: Math.exp(total / words),
    bitsPerByte: total / Math.LN2 / bytes,
  };
}

/** Words and line ends of all segments. */
function wordsOf({ sizes }: Segments): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

function printRow(
  name: string,
  cells: readonly string[],
  widths: readonly number[],
  style: (text: string) => string = (text) => text,
): void {
  const title = showInline(name, NAME_WIDTH - 2);
  const gap = ' '.repeat(Math.max(0, NAME_WIDTH - stringWidth(title)));
  const row = cells.map((cell, i) => cell.padStart(widths[i] as number)).join('');
  printLine(style(`${title}${gap}${row}`));
}

function printTitled(title: string, lines: readonly string[]): void {
  for (const [i, line] of lines.entries()) {
    printLine(outStyle.dim(`${(i === 0 ? title : '').padEnd(TITLE_WIDTH)}${line}`));
  }
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(4)}`;
}
