/** A terminal to look at what a program leaves on it: that of VS Code, without a window. */
import xterm from '@xterm/headless';

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
