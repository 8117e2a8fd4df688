/** A run's history as a table: a row for each step, as CSV by RFC 4180. */

/** A step. What is not known of it is absent. */
export interface HistoryRow {
  readonly step: number;
  /** Passes over the training text, with fractions. */
  readonly epoch?: number | undefined;
  /** Nats a token, of the step's window. */
  readonly trainLoss?: number | undefined;
  /** Nats a token of the validation after the step. */
  readonly validNats?: number | undefined;
  readonly learningRate?: number | undefined;
  /** Before clipping. */
  readonly gradientNorm?: number | undefined;
  readonly tokensPerSecond?: number | undefined;
  /** Of the run, over all sessions. */
  readonly elapsedSeconds?: number | undefined;
}

type Column = readonly [name: string, cellOf: (row: HistoryRow) => number | undefined];

const COLUMNS: readonly Column[] = [
  ['step', ({ step }) => step],
  ['epoch', ({ epoch }) => epoch],
  ['train_loss', ({ trainLoss }) => trainLoss],
  ['valid_nats', ({ validNats }) => validNats],
  [
    'valid_perplexity',
    ({ validNats }) => (validNats === undefined ? undefined : Math.exp(validNats)),
  ],
  ['learning_rate', ({ learningRate }) => learningRate],
  ['gradient_norm', ({ gradientNorm }) => gradientNorm],
  ['tokens_per_second', ({ tokensPerSecond }) => tokensPerSecond],
  ['elapsed_seconds', ({ elapsedSeconds }) => elapsedSeconds],
];

const LINE_END = '\r\n';
const HEADER_CELLS = COLUMNS.map(([name]) => name).join(',');

/** The first line, with its end. */
export const HISTORY_HEADER = `${HEADER_CELLS}${LINE_END}`;

/** A line with its end. Numbers have as many digits as it takes to read the same ones again; none is infinite. */
export function historyLine(row: HistoryRow): string {
  const cells = COLUMNS.map(([, cellOf]) => {
    const value = cellOf(row);
    return value === undefined || !Number.isFinite(value) ? '' : String(value);
  });
  return `${cells.join(',')}${LINE_END}`;
}

/** What a text has of a history. */
interface ParsedHistory {
  /** Up to the step that was asked for, and to the first line that is no row. */
  readonly rows: HistoryRow[];
  /** The last step that has a row, whether it was asked for or not. */
  readonly lastStep: number | undefined;
  /** What is in the text that is no history; undefined: nothing. */
  readonly problem: string | undefined;
}

/**
 * What {@link HISTORY_HEADER} and {@link historyLine} gave, up to step `last`. Spreadsheets and Git may have ended its
 * lines with LF alone. Behind the row of that step may be half a line, of a write that was cut off.
 */
export function parseHistory(text: string, last: number): ParsedHistory {
  const rows: HistoryRow[] = [];
  let lastStep: number | undefined;
  let start = text.indexOf('\n') + 1;
  // Spreadsheets put a mark before it.
  if (text.slice(0, start).trim() !== HEADER_CELLS) {
    return { rows, lastStep, problem: 'another first line' };
  }
  for (let line = 2; start < text.length; line++) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    const row = parseLine(text.slice(start, end).trimEnd());
    // Editors leave the last end out or add lines; a write that was cut off leaves half a row.
    if (row === undefined && (found < 0 || text.slice(start).trim() === '')) break;
    if (row === undefined || (lastStep !== undefined && row.step <= lastStep)) {
      return { rows, lastStep, problem: `line ${line}, which is no row of it` };
    }
    if (row.step <= last) rows.push(row);
    lastStep = row.step;
    start = end + 1;
  }
  return { rows, lastStep, problem: undefined };
}

function parseLine(line: string): HistoryRow | undefined {
  const cells = line.split(',');
  const values = cells.map((cell) => (cell === '' ? undefined : Number(cell)));
  const areNumbers = values.every((value) => value === undefined || Number.isFinite(value));
  const [step, epoch, trainLoss, validNats, _perplexity, learningRate, gradientNorm, ...speed] =
    values;
  if (cells.length !== COLUMNS.length || !areNumbers || !Number.isSafeInteger(step)) {
    return undefined;
  }
  const [tokensPerSecond, elapsedSeconds] = speed;
  return {
    ...{ step: step as number, epoch, trainLoss, validNats, learningRate, gradientNorm },
    ...{ tokensPerSecond, elapsedSeconds },
  };
}
