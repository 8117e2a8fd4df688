/** What `eval` shows: a table with a row for each model, or one JSON object. */
import { basename, dirname } from 'node:path';
import stringWidth from 'string-width';
import type { EvaluationReport } from '../evaluation/report.ts';
import type { EvaluationResult } from '../library/events.ts';
import type { EvalRow } from './eval-row.ts';
import { count, figure, outStyle, printJson, printLine, showInline } from './terminal.ts';

export interface Evaluation {
  /** The model's own figures come first. */
  rows: readonly EvalRow[];
  /** What to call the text. */
  label: string;
  textId: string;
  tokenizerId: string;
  checkpoint: { path: string; step: number };
  convention: { description: string; streams: number };
  /** The model's figures of each of several texts. */
  texts: readonly { label: string; textId: string; report: EvaluationReport }[];
}

/** A column of the table: its heading, and what stands below it. */
type Column = readonly [heading: string, value: (report: EvaluationReport) => string];

const PERPLEXITY: Column = ['perplexity', (report) => figure(report.perplexity)];
const NATS: Column = ['nats/token', (report) => report.natsPerToken.toFixed(4)];
const BITS: Column = ['bits/char', (report) => report.bitsPerCharacter.toFixed(4)];
const COLUMNS: readonly Column[] = [
  PERPLEXITY,
  ['no <unk>', (report) => figure(report.perplexityWithoutOov)],
  ['per word', (report) => figure(report.perplexityPerWord)],
  NATS,
  BITS,
  ['bits/byte', (report) => report.bitsPerByte.toFixed(4)],
];
const NAME_WIDTH = 12;
const TOKENS: Column = ['tokens', (report) => count(report.tokens)];
const TEXT_COLUMNS = [PERPLEXITY, NATS, BITS, TOKENS];
const TEXT_WIDTH = 34;
const TITLE_WIDTH = 18;

/** Prints the figures as one object. A text of nothing but <unk> has none: JSON has null for NaN. */
export function printEvaluation(evaluation: Evaluation): void {
  const { rows, label, textId, tokenizerId, checkpoint, convention, texts } = evaluation;
  const own = rows.find(({ key }) => key === undefined);
  const others = rows.flatMap(({ key, report }) => (key === undefined ? [] : [[key, report]]));
  const each = texts.map(({ label: text, textId: id, report }) => ({
    text,
    textId: id,
    ...report,
  }));
  const result: EvaluationResult = {
    split: label,
    ...own!.report,
    streams: convention.streams,
    convention: convention.description,
    ...{ textId, tokenizerId },
    ...{ checkpoint: checkpoint.path, step: checkpoint.step },
    ...Object.fromEntries(others),
    ...(each.length > 0 ? { texts: each } : {}),
  };
  printJson(result);
}

/** Shows the figures in lines of at most 80 columns. */
export function showEvaluation({ rows, label, checkpoint, convention, texts }: Evaluation): void {
  const name = `${basename(dirname(checkpoint.path))}/${basename(checkpoint.path)}`;
  printLine(`${outStyle.bold(showInline(label))} under ${showInline(name)}`);
  printTable('model', NAME_WIDTH, COLUMNS, rows);
  const { tokens, oovTokens, words } = rows[0]!.report;
  const unknown = `(${count(oovTokens)} of them <unk>)`;
  printLine(titled('tokens scored', `${count(tokens)} ${unknown}; ${count(words)} words`));
  for (const { name, note } of rows) if (note !== undefined) printLine(titled(name, note));
  printLine(outStyle.dim(titled('convention', convention.description)));
  if (texts.length === 0) return;
  printLine();
  const named = texts.map((text) => ({ ...text, name: showInline(text.label, TEXT_WIDTH - 2) }));
  printTable('each by itself', TEXT_WIDTH, TEXT_COLUMNS, named);
}

function printTable(
  heading: string,
  nameWidth: number,
  columns: readonly Column[],
  rows: readonly { name: string; report: EvaluationReport }[],
): void {
  const width = (title: string) => Math.max(title.length, MIN_WIDTH) + 2;
  const headings = columns.map(([title]) => title.padStart(width(title))).join('');
  printLine(outStyle.dim(`${padded(heading, nameWidth)}${headings}`));
  for (const { name, report } of rows) {
    const cells = columns.map(([title, value]) => value(report).padStart(width(title)));
    printLine(`${padded(name, nameWidth)}${cells.join('')}`);
  }
}

/** Of a column; `1.23e+10` fits. */
const MIN_WIDTH = 8;

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

/** `text` beside its title, a clause a line. */
function titled(title: string, text: string): string {
  return text
    .split('; ')
    .map((clause, i) => `${(i === 0 ? title : '').padEnd(TITLE_WIDTH)}${clause}`)
    .join('\n');
}
