/** Progress on standard error: a live bar on a terminal, a plain line every few seconds elsewhere. */
import cliProgress from 'cli-progress';
import { listener } from './listener.ts';
import { LiveRegion, type Size, type TerminalStream } from './live-region.ts';
import { notice } from './terminal.ts';

export interface Progress {
  /**
   * @param share what is done, in [0, 1]
   * @param fields what to show beside it, the most important first: those that do not fit are left out
   */
  update(share: number, fields: readonly string[]): void;
  /** Writes a line that stays. */
  log(line: string): void;
  stop(): void;
}

const PLAIN_INTERVAL_MS = 5000;
const SHORTEST_BAR = 4;
const LONGEST_BAR = 24;
/** From this many columns on, fields stand two spaces apart. */
const ROOMY = 100;

/** What to show below a bar on a terminal of a size: lines that fit it together with the bar's. */
export type Below = (size: Size) => readonly string[];

/** The kind of progress that fits standard error, or another stream in its place; none where a program listens. */
export function startProgress(
  below: Below = () => [],
  stream: TerminalStream & { readonly isTTY?: boolean } = process.stderr,
): Progress {
  if (listener()) return silentProgress;
  const isLive = stream.isTTY && process.env.TERM !== 'dumb';
  return isLive ? new LiveBar(stream, below) : new PlainLines();
}

/** For `--quiet` and `--json`. */
export const silentProgress: Progress = { update() {}, log() {}, stop() {} };

/** `███░░░  42% step 120 …` in at most `columns` columns. */
export function barLine(share: number, fields: readonly string[], columns: number): string {
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const shown = [...fields];
  const gap = columns < ROOMY ? ' ' : '  ';
  const rest = () => [percent, ...shown].join(gap);
  while (shown.length > 0 && SHORTEST_BAR + 1 + rest().length > columns) shown.pop();
  const width = Math.max(0, Math.min(LONGEST_BAR, columns - rest().length - 1));
  const bar = cliProgress.Format.BarFormat(share, {
    barsize: width,
    barCompleteString: '█'.repeat(width),
    barIncompleteString: '░'.repeat(width),
    barGlue: '',
  });
  return `${bar} ${rest()}`;
}

class LiveBar implements Progress {
  readonly #region: LiveRegion;
  #share = 0;
  #fields: readonly string[] = [];

  constructor(stream: TerminalStream, below: Below) {
    this.#region = new LiveRegion(stream, (size) => [
      barLine(this.#share, this.#fields, size.columns - 1),
      ...below(size),
    ]);
  }

  update(share: number, fields: readonly string[]): void {
    this.#share = share;
    this.#fields = fields;
    this.#region.changed();
  }

  log(line: string): void {
    this.#region.log(line);
  }

  stop(): void {
    this.#region.stop();
  }
}

class PlainLines implements Progress {
  #lastMs = performance.now();

  update(share: number, fields: readonly string[]): void {
    const now = performance.now();
    if (now - this.#lastMs < PLAIN_INTERVAL_MS) return;
    this.#lastMs = now;
    notice([`${Math.floor(share * 100)}%`.padStart(4), ...fields].join('  '));
  }

  log(line: string): void {
    notice(line);
  }

  stop(): void {}
}
