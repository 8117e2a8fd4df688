/** A terminal to look at what a program leaves on it: that of VS Code, without a window. */
import xterm from '@xterm/headless';

/** What a column shows, by the attributes that gru-lm uses. A wide character is in the first of its two columns. */
export interface Cell {
  /** Empty: nothing was written, or a wide character began before. */
  readonly text: string;
  /** Columns that it takes: 1, 2, or 0 where a wide character began before. */
  readonly width: number;
  readonly color: CellColor;
  readonly field: CellColor;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

/** A number of the terminal's own palette, or `#rrggbb`; undefined: the terminal's usual. */
export type CellColor = number | string | undefined;

export class Screen {
  readonly isTTY = true;
  readonly #terminal: xterm.Terminal;
  readonly #listeners = new Set<() => void>();

  constructor(columns: number, rows: number) {
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 100_000,
      // As the terminal driver of a system does.
      convertEol: true,
      allowProposedApi: true,
    });
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  write(text: string): void {
    this.#terminal.write(text);
  }

  on(_event: 'resize', listener: () => void): void {
    this.#listeners.add(listener);
  }

  off(_event: 'resize', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  get isListenedTo(): boolean {
    return this.#listeners.size > 0;
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#settled();
    this.#terminal.resize(columns, rows);
    for (const listener of this.#listeners) listener();
  }

  /** All that was ever shown, lines that were broken at the edge put together again, without empty ones at the end. */
  async text(): Promise<string> {
    await this.#settled();
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let i = 0; i < active.length; i++) {
      const line = active.getLine(i)!;
      if (line.isWrapped) lines[lines.length - 1] += line.translateToString(true);
      else lines.push(line.translateToString(true));
    }
    return lines.join('\n').trimEnd();
  }

  /** All rows that were ever shown, as they stand there, without empty ones at the end. */
  async cells(): Promise<Cell[][]> {
    await this.#settled();
    const { active } = this.#terminal.buffer;
    const rows: Cell[][] = [];
    let count = 0;
    for (let y = 0; y < active.length; y++) {
      const line = active.getLine(y)!;
      rows.push(Array.from({ length: line.length }, (_, x) => readCell(line.getCell(x)!)));
      if (line.translateToString(true) !== '') count = y + 1;
    }
    return rows.slice(0, count);
  }

  /** Where the cursor is, from 0 on. */
  async cursor(): Promise<{ column: number; line: string }> {
    await this.#settled();
    const { active } = this.#terminal.buffer;
    const line = active.getLine(active.baseY + active.cursorY)?.translateToString(true) ?? '';
    return { column: active.cursorX, line };
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => this.#terminal.write('', resolve));
  }
}

function readCell(cell: xterm.IBufferCell): Cell {
  return {
    text: cell.getChars(),
    width: cell.getWidth(),
    color: readColor(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor()),
    field: readColor(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor()),
    isBold: cell.isBold() !== 0,
    isDim: cell.isDim() !== 0,
  };
}

function readColor(isUsual: boolean, isRgb: boolean, value: number): CellColor {
  if (isUsual) return undefined;
  return isRgb ? `#${value.toString(16).padStart(6, '0')}` : value;
}
