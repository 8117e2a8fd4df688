/** Shows samples: as text, or as a line of JSON each. */
import type { SampleOptions } from '../config/sample.ts';
import type { GeneratedPiece } from '../generation/text-stream.ts';
import type { Sample, SampleStreamEvent } from '../library/events.ts';
import type { CopyReport } from './sample-copies.ts';
import {
  count,
  notice,
  outStyle,
  printJson,
  printLine,
  printRaw,
  printText,
  showInline,
  tellPiece,
} from './terminal.ts';

/** What is known of a sample at its end. */
export interface SampleEnd {
  /** null: chance had no part in it. */
  readonly seed: number | null;
  readonly seconds: number;
  readonly copied?: CopyReport | undefined;
}

/** A sample that is made. */
export interface WholeSample extends SampleEnd {
  readonly prompt: string;
  /** The number of its prompt in a file of them. */
  readonly index: number | undefined;
  readonly text: string;
  readonly tokens: number;
  /** Of all its tokens. */
  readonly nats: number;
}

/** Shows one sample after the other, each as it is made or as a whole. */
export class SampleView {
  readonly #json: boolean;
  readonly #print: (text: string) => void;
  readonly #stands: 'apart' | 'below';
  #isFirst = true;
  /** Whether what is typed has ended a line on the terminal, so that the text need not. */
  #isLineEnded = false;
  #prompt = '';
  #index: number | undefined;
  #text = '';
  #tokens = 0;
  #nats = 0;

  /** @param stands whether there is a line between two samples */
  constructor(
    { json, raw }: Pick<SampleOptions, 'json' | 'raw'>,
    stands: 'apart' | 'below' = 'apart',
  ) {
    this.#json = json;
    // A file or another program gets the text as it is; a terminal would obey what is in it.
    this.#print = raw || !process.stdout.isTTY ? printRaw : printText;
    this.#stands = stands;
  }

  begin(prompt: string, index?: number): void {
    this.#start(prompt, index);
    if (this.#json) {
      const start: SampleStreamEvent = { event: 'start', prompt, ...numbered(index) };
      tellPiece(start);
      return;
    }
    if (!this.#isFirst && this.#stands === 'apart') printLine(`\n${outStyle.dim('—'.repeat(20))}`);
    this.#isFirst = false;
    if (prompt) this.#print(prompt);
  }

  /** Begins a sample whose prompt is on the terminal, with the line end that was typed after it. */
  beginTyped(prompt: string): void {
    this.#start(prompt, undefined);
    this.#isLineEnded = prompt !== '';
  }

  piece({ text, id, nats }: GeneratedPiece): void {
    if (this.#json) {
      const token = id === undefined || nats === undefined ? {} : { id, nats };
      const piece: SampleStreamEvent = { event: 'piece', text, ...token };
      tellPiece(piece);
    } else if (text) {
      this.#print(this.#isLineEnded ? text.replace(/^\n/, '') : text);
      this.#isLineEnded = false;
    }
    this.#text += text;
    if (nats === undefined) return;
    this.#tokens += 1;
    this.#nats += nats;
  }

  end(end: SampleEnd): void {
    const isOnNewLine = this.#stands === 'below' && this.#text.endsWith('\n');
    if (!this.#json && !isOnNewLine) printLine();
    const [text, tokens, nats] = [this.#text, this.#tokens, this.#nats];
    this.#report({ ...end, prompt: this.#prompt, index: this.#index, text, tokens, nats });
  }

  /** A sample that was not shown while it was made. */
  whole(sample: WholeSample, isQuiet = false): void {
    this.begin(sample.prompt, sample.index);
    if (!this.#json) {
      this.#print(sample.text);
      printLine();
    }
    this.#report(sample, isQuiet);
  }

  #start(prompt: string, index: number | undefined): void {
    this.#prompt = prompt;
    this.#index = index;
    [this.#text, this.#tokens, this.#nats, this.#isLineEnded] = ['', 0, 0, false];
  }

  #report(sample: WholeSample, isQuiet = false): void {
    const { prompt, index, text, tokens, nats, seed, seconds, copied } = sample;
    const natsPerToken = nats / tokens;
    const tokensPerSecond = tokens / seconds;
    if (this.#json) {
      const made: Sample = {
        ...{ prompt, text, tokens, natsPerToken, seed, tokensPerSecond },
        ...(seed === null ? { nats } : {}),
        ...numbered(index),
        ...(copied ? { copied } : {}),
      };
      printJson(made);
      return;
    }
    if (process.stderr.isTTY && !isQuiet && tokens === 0) notice('(0 tokens)');
    else if (process.stderr.isTTY && !isQuiet) {
      const each = `${natsPerToken.toFixed(3)} nats a token`;
      const speed = `${tokensPerSecond.toFixed(0)} tokens/s`;
      notice(
        seed === null
          ? `(${tokens} tokens, ${nats.toFixed(3)} nats, ${each})`
          : `(${tokens} tokens, ${each}, ${speed}, seed ${seed})`,
      );
    }
    if (copied) for (const line of copyLines(copied)) notice(line);
  }
}

/** The number of a prompt in a file of them. */
function numbered(index: number | undefined): { index?: number } {
  return index === undefined ? {} : { index };
}

/** What of a sample is copied, for people. */
export function copyLines({ longest, share, spanTokens }: CopyReport): string[] {
  if (!longest) return ['(nothing of it is in the training text)'];
  const { tokens, characters, line, document, text } = longest;
  const within = document === undefined ? '' : ` of document ${count(document)}`;
  const length =
    tokens === characters
      ? `${count(characters)} characters`
      : `${count(tokens)} tokens, ${count(characters)} characters,`;
  return [
    `(${(100 * share).toFixed(1)}% is copied from the training text in spans of ${spanTokens} tokens or more;`,
    ` the longest: ${length} from line ${count(line)}${within},`,
    ` "${showInline(text, 70)}")`,
  ];
}
