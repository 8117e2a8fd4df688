/** What `eval` shows: a table with a row for each model, or one JSON object. */
import { CONVENTION, type EvaluationReport } from '../evaluation/report.ts';
import type { EvalRow } from './eval-row.ts';
import { count, figure, outStyle, printJson, printLine, showInline } from './terminal.ts';

export interface Evaluation {
  /** The model's own figures come first. */
  rows: readonly EvalRow[];
  /** What to call the text, and the checkpoint. */
  label: string;
  checkpoint: string;
}

/** A column of the table: its heading, and what stands below it. */
const COLUMNS: readonly (readonly [heading: string, value: (report: EvaluationReport) => string])[] =
  [
    ['perplexity', (report) => figure(report.perplexity)],
    ['no <unk>', (report) => figure(report.perplexityWithoutOov)],
    ['nats/token', (report) => report.natsPerToken.toFixed(4)],
    ['bits/char', (report) => report.bitsPerCharacter.toFixed(4)],
    ['bits/byte', (report) => report.bitsPerByte.toFixed(4)],
  ];
const NAME_WIDTH = 12;
const TITLE_WIDTH = 18;

/** Prints the figures as one object. A text of nothing but <unk> has none: JSON has null for NaN. */
export function printEvaluation({ rows, label }: Evaluation): void {
  const own = rows.filter(({ key }) => key === undefined).map(({ report }) => report);
  const others = rows.flatMap(({ key, report }) => (key === undefined ? [] : [[key, report]]));
  printJson({
    split: label,
    ...own[0],
    streams: 1,
    convention: CONVENTION,
    ...Object.fromEntries(others),
  });
}

/** Shows the figures in lines of at most 80 columns. */
export function showEvaluation({ rows, label, checkpoint }: Evaluation): void {
  printLine(`${outStyle.bold(showInline(label))} under ${showInline(checkpoint)}`);
  const headings = COLUMNS.map(([heading]) => `  ${heading}`).join('');
  printLine(outStyle.dim(`${'model'.padEnd(NAME_WIDTH)}${headings}`));
  for (const { name, report } of rows) {
    const cells = COLUMNS.map(([heading, value]) => value(report).padStart(heading.length + 2));
    printLine(`${name.padEnd(NAME_WIDTH)}${cells.join('')}`);
  }
  const { tokens, oovTokens } = rows[0]!.report;
  printLine(titled('tokens scored', `${count(tokens)} (${count(oovTokens)} of them <unk>)`));
  for (const { name, note } of rows) if (note !== undefined) printLine(titled(name, note));
  printLine(outStyle.dim(titled('convention', CONVENTION)));
}

/** `text` beside its title, a clause a line. */
function titled(title: string, text: string): string {
  return text
    .split('; ')
    .map((clause, i) => `${(i === 0 ? title : '').padEnd(TITLE_WIDTH)}${clause}`)
    .join('\n');
}
