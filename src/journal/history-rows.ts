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

/** The first line, with its end. */
export const HISTORY_HEADER = `${COLUMNS.map(([name]) => name).join(',')}${LINE_END}`;

/** A line with its end. Numbers have as many digits as it takes to read the same ones again; none is infinite. */
export function historyLine(row: HistoryRow): string {
  const cells = COLUMNS.map(([, cellOf]) => {
    const value = cellOf(row);
    return value === undefined || !Number.isFinite(value) ? '' : String(value);
  });
  return `${cells.join(',')}${LINE_END}`;
}

/**
 * What {@link HISTORY_HEADER} and {@link historyLine} gave, up to step `last`. What comes after the row of that step
 * may be anything, such as half a line.
 *
 * @returns undefined for what they did not give
 */
export function parseHistory(text: string, last: number): HistoryRow[] | undefined {
  if (!text.startsWith(HISTORY_HEADER)) return undefined;
  const rows: HistoryRow[] = [];
  let lastStep = -1;
  for (let start = HISTORY_HEADER.length; start < text.length && lastStep < last; ) {
    const end = text.indexOf('\n', start);
    const row = end < 0 ? undefined : parseLine(text.slice(start, end).trimEnd());
    if (row === undefined || row.step <= lastStep) return undefined;
    if (row.step <= last) rows.push(row);
    lastStep = row.step;
    start = end + 1;
  }
  return rows;
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
