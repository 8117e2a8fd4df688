/** The last lines of a terminal, drawn again and again in their place, with room above for lines that stay. */
import stringWidth from 'string-width';
import { shown } from './terminal.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What a region needs of standard error where that is a terminal. */
export interface TerminalStream {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

const ESCAPE = '\u001b';
/** From the beginning of a line: some terminals (tmux) take the rest of what was longer for text when they break lines. */
const CLEAR_LINE = `${ESCAPE}[2K`;
const CLEAR_BELOW = `${ESCAPE}[J`;
/** For streams that do not say. */
const USUAL: Size = { columns: 80, rows: 24 };
const INTERVAL_MS = 125;

/**
 * Between two drawings the cursor is at the beginning of the region's last line, so that what the terminal
 * itself writes there (`^C`) breaks no line, and goes with the next drawing.
 */
export class LiveRegion {
  readonly #stream: TerminalStream;
  readonly #linesOf: (size: Size) => readonly string[];
  /** The columns of each line that stands there; empty: none do. */
  #widths: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /**
   * @param linesOf the lines for a terminal of a size: none as wide as that, and fewer than its rows
   */
  constructor(stream: TerminalStream, linesOf: (size: Size) => readonly string[]) {
    this.#stream = stream;
    this.#linesOf = linesOf;
    stream.on('resize', this.#resized);
    process.on('SIGCONT', this.#continued);
    process.once('exit', this.#exits);
  }

  /** To be called when the lines have changed: they are drawn soon, and at once the first time. */
  changed(): void {
    if (this.#isStopped) return;
    // What comes next may keep the timer from running.
    if (this.#widths.length === 0) this.#draw();
    else this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      // A signal that tells of another size is heard before what is set for now is done.
      setImmediate(() => {
        if (this.#timer === undefined) return;
        this.#timer = undefined;
        this.#draw();
      });
    }, INTERVAL_MS).unref();
  }

  /** Writes text that stays, above the region. */
  log(text: string): void {
    this.#stream.write(`${this.#toTop()}${CLEAR_BELOW}${shown(`${text}\n`)}`);
    this.#widths = [];
    this.#draw();
  }

  /** Draws once more, and leaves the cursor below. */
  stop(): void {
    if (this.#isStopped) return;
    if (this.#widths.length > 0) this.#draw();
    this.#leave();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#linesOf(this.#size).slice(0, this.#size.rows).map(shown);
    const clear = lines.length < this.#widths.length ? CLEAR_BELOW : '';
    const drawn = lines.map((line) => `${CLEAR_LINE}${line}`).join('\n');
    this.#stream.write(`${this.#toTop()}${drawn}${clear}\r`);
    this.#widths = lines.map((line) => stringWidth(line));
  }

  /** The way from where the cursor is to the beginning of the region. */
  #toTop(): string {
    const { columns } = this.#size;
    const above = this.#widths.slice(0, -1);
    const rows = above.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return rows > 0 ? `\r${ESCAPE}[${rows}A` : '\r';
  }

  get #size(): Size {
    const { columns, rows } = this.#stream;
    return { columns: columns || USUAL.columns, rows: rows || USUAL.rows };
  }

  /** A terminal that has become narrower has broken the lines anew, as most do, and has their ends on lines of their own. */
  readonly #resized = (): void => {
    if (this.#widths.length === 0) return;
    this.#stream.write(`${this.#toTop()}${CLEAR_BELOW}`);
    this.#widths = [];
    this.#draw();
  };

  /** After Ctrl-Z and `fg` the shell has written below the region: it begins anew there. */
  readonly #continued = (): void => {
    this.#widths = [];
    this.#draw();
  };

  readonly #exits = (): void => this.#leave();

  #leave(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stream.off('resize', this.#resized);
    process.off('SIGCONT', this.#continued);
    process.off('exit', this.#exits);
    if (this.#widths.length === 0) return;
    this.#widths = [];
    this.#stream.write('\n');
  }
}
