/** Shows samples: as text, or as a line of JSON each. */
import type { SampleOptions } from '../config/sample.ts';
import type { GeneratedPiece } from '../generation/text-stream.ts';
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

  /** @param shown of the prompt, what is to be shown */
  begin(prompt: string, shown = prompt, index?: number): void {
    this.#prompt = prompt;
    this.#index = index;
    [this.#text, this.#tokens, this.#nats] = ['', 0, 0];
    if (this.#json) return;
    if (!this.#isFirst && this.#stands === 'apart') printLine(`\n${outStyle.dim('—'.repeat(20))}`);
    this.#isFirst = false;
    if (shown) this.#print(shown);
  }

  piece({ text, nats }: GeneratedPiece): void {
    if (!this.#json && text) this.#print(text);
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
    this.begin(sample.prompt, sample.prompt, sample.index);
    if (!this.#json) {
      this.#print(sample.text);
      printLine();
    }
    this.#report(sample, isQuiet);
  }

  #report(sample: WholeSample, isQuiet = false): void {
    const { prompt, index, text, tokens, nats, seed, seconds, copied } = sample;
    const natsPerToken = nats / tokens;
    const tokensPerSecond = tokens / seconds;
    if (this.#json) {
      printJson({
        ...{ prompt, text, tokens, natsPerToken, seed, tokensPerSecond },
        ...(seed === null ? { nats } : {}),
        ...(index === undefined ? {} : { index }),
        ...(copied ? { copied } : {}),
      });
      return;
    }
    if (process.stderr.isTTY && !isQuiet) {
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

/** What of a sample is copied, for people. */
export function copyLines({ longest, share, spanTokens }: CopyReport): string[] {
  const percent = `${(100 * share).toFixed(1)}%`;
  const rest = `${percent} of the tokens are in copied spans of at least ${spanTokens}`;
  if (!longest) return ['(nothing of it is in the training text)'];
  const { tokens, characters, line, document, text } = longest;
  const place =
    document === undefined
      ? `line ${count(line)}`
      : `document ${count(document)}, line ${count(line)}`;
  return [
    `(${rest}; the longest has ${tokens} tokens, ${characters} characters, at ${place}`,
    ` of the training text: "${showInline(text, 60)}")`,
  ];
}
