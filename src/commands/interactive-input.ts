/** Lines that are typed or come through a pipe. */
import { createInterface, type Interface } from 'node:readline';
import { Transform, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { LineCutter } from '../data/text-lines.ts';
import { decodePrompt } from './prompt.ts';
import { showControls } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

export interface LineInput {
  /** The next line; undefined: there is none. */
  next(): Promise<string | undefined>;
  /** Calls `stop` for Ctrl-C, and when input ends, until the next line is asked for. */
  onStop(stop: () => void): void;
  close(): void;
}

/** The lines of a stream, as they are asked for. */
export class StreamLines implements LineInput {
  readonly #lines: AsyncGenerator<string, void, void>;
  readonly #signal: AbortSignal;

  constructor(stream: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#lines = linesOf(stream);
    this.#signal = signal;
  }

  async next(): Promise<string | undefined> {
    const { value } = await untilAborted(this.#lines.next(), this.#signal);
    return value ?? undefined;
  }

  /** A pipe has no Ctrl-C, and what came before its end is to be answered. */
  onStop(): void {}

  /** Leaves the stream, whose other end may wait for that. */
  close(): void {
    void this.#lines.return();
  }
}

/** @throws UserError `prompts` for bytes that are no UTF-8; the lines before them come first */
async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  let isFirst = true;
  const lineOf = (bytes: Uint8Array) => {
    const text = decodePrompt(bytes, '-', { keepsMark: !isFirst });
    isFirst = false;
    return text.replace(/\r$/, '');
  };
  const cutter = new LineCutter();
  for await (const bytes of stream) for (const line of cutter.write(bytes)) yield lineOf(line);
  for (const line of cutter.end()) yield lineOf(line);
}

const PROMPT = '> ';

/** Lines that are typed on a terminal, with editing and history. */
export class TerminalLines implements LineInput {
  readonly #interface: Interface;
  readonly #input = typedText();
  readonly #output = new Screen();
  readonly #say: (text: string) => void;
  readonly #lines: { line: string; isSeen: boolean }[] = [];
  #isClosed = false;
  #wake: () => void = () => {};
  #stop: () => void = () => {};

  /**
   * @param history lines of earlier sessions, the oldest first
   * @param say shows a line for the person who types
   */
  constructor(history: readonly string[], signal: AbortSignal, say: (text: string) => void) {
    this.#say = say;
    process.stdin.pipe(this.#input);
    this.#interface = createInterface({
      input: this.#input,
      output: this.#output,
      terminal: true,
      prompt: PROMPT,
      history: history.toReversed(),
      historySize: 1000,
      removeHistoryDuplicates: true,
    });
    this.#interface.on('line', (line) => {
      // Of several that are pasted, only the first stands above its answer.
      this.#lines.push({ line, isSeen: !this.#output.isSilent && this.#lines.length === 0 });
      this.#wake();
    });
    this.#interface.on('close', () => {
      this.#isClosed = true;
      this.#stop();
      this.#wake();
    });
    this.#interface.on('SIGINT', () => this.#interrupt());
    // After Ctrl-Z and fg nothing is read until someone says so.
    this.#interface.on('SIGCONT', () => {
      if (this.#output.isSilent) this.#interface.resume();
      else this.#interface.prompt(true);
    });
    signal.addEventListener('abort', () => this.close(), { once: true });
  }

  async next(): Promise<string | undefined> {
    this.#stop = () => {};
    this.#output.isSilent = false;
    while (this.#lines.length === 0 && !this.#isClosed) {
      this.#interface.prompt(true);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    // What is typed while text is made is not shown among it.
    this.#output.isSilent = true;
    const next = this.#lines.shift();
    if (next === undefined) {
      this.#say('');
      return undefined;
    }
    if (!next.isSeen) this.#say(PROMPT + next.line);
    return next.line;
  }

  onStop(stop: () => void): void {
    this.#stop = stop;
    if (this.#isClosed) stop();
  }

  close(): void {
    if (!this.#isClosed) this.#interface.close();
    process.stdin.unpipe(this.#input);
    process.stdin.pause();
  }

  #interrupt(): void {
    if (this.#output.isSilent) {
      this.#stop();
      return;
    }
    const hasText = this.#interface.line !== '';
    this.#interface.write(null, { ctrl: true, name: 'e' });
    this.#interface.write(null, { ctrl: true, name: 'u' });
    if (!hasText) this.#say('\n(Ctrl-D or :quit ends)');
    this.#interface.prompt();
  }
}

/** Standard output, unless it is silent. */
class Screen extends Writable {
  isSilent = false;

  constructor() {
    super({ decodeStrings: false });
    process.stdout.on('resize', () => this.emit('resize'));
  }

  get columns(): number {
    return process.stdout.columns;
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    if (!this.isSilent) process.stdout.write(text);
    done();
  }
}

/**
 * Text that is typed or pasted, for readline, which obeys the keys among it and shows all else as it is. The
 * keys are control characters of ASCII; any others become visible.
 */
export function typedText(): Transform {
  const decoder = new StringDecoder('utf8');
  const stream = new Transform({
    transform(bytes: Buffer, _encoding, done) {
      done(
        null,
        decoder.write(bytes).replace(/[^\0-\u007f]+/g, (text) => showControls(text)),
      );
    },
  });
  return Object.assign(stream, {
    setRawMode: (isRaw: boolean) => {
      process.stdin.setRawMode?.(isRaw);
      return stream;
    },
  });
}
