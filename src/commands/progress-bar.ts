/** Progress on standard error: a live bar on a terminal, a plain line every few seconds elsewhere. */
import { MultiBar, type SingleBar } from 'cli-progress';
import { listener } from './listener.ts';
import { notice, shown } from './terminal.ts';

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

/** The kind of progress that fits standard error, or none where a program listens. */
export function startProgress(): Progress {
  if (listener()) return silentProgress;
  return process.stderr.isTTY ? new LiveBar() : new PlainLines();
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
  const done = Math.round(share * width);
  return `${'█'.repeat(done)}${'░'.repeat(width - done)} ${rest()}`;
}

class LiveBar implements Progress {
  readonly #bars: MultiBar;
  readonly #bar: SingleBar;
  #isDrawn = false;

  constructor() {
    this.#bars = new MultiBar({
      stream: process.stderr,
      fps: 8,
      gracefulExit: false,
      clearOnComplete: false,
      forceRedraw: true,
      // The bar always fits, and longer lines of the log have to wrap: leave the terminal as it is.
      linewrap: true,
      format: (_options, { progress }, payload: { fields: readonly string[] }) =>
        shown(barLine(progress, payload.fields, (process.stderr.columns || 80) - 1)),
    });
    this.#bar = this.#bars.create(1, 0, { fields: [] });
  }

  update(share: number, fields: readonly string[]): void {
    this.#bar.update(share, { fields });
    // At once the first time: what comes next may keep the timer that draws from running.
    if (!this.#isDrawn) this.#bars.update();
    this.#isDrawn = true;
  }

  log(line: string): void {
    this.#bars.log(shown(`${line}\n`));
  }

  stop(): void {
    this.#bars.update();
    this.#bars.stop();
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
