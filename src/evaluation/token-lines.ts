/**
 * Lines as tokens, each a text of its own that begins as every line does: with the end of the line
 * before. That stands for the start of a sentence, `<s>`, and the line's own end for `</s>`.
 */
import type { TextChunks } from '../data/text-chunk.ts';
import { textLines } from '../data/text-lines.ts';
import { TokenBuffer } from '../data/token-buffer.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { turnEventLoop } from '../event-loop.ts';

export interface TokenLine {
  /** The line start, the line's tokens, and those of its end. */
  ids: Int32Array;
  /** How many of them, from the first on, are the line start: read, and not scored. */
  context: number;
}

/** Tokens of lines that are gathered before they are scored, if there are as many without waiting. */
const GATHERED_TOKENS = 1 << 16;
const LINE_END = Buffer.from('\n');

/**
 * The tokens of a line end, by which every line begins.
 *
 * @throws UserError `line-end-missing` if the tokenizer leaves line ends out, or does not know them
 */
export function lineStartOf(tokenizer: Tokenizer): Int32Array {
  const ids = tokenizer.encode('\n');
  const { unknownId } = tokenizer;
  const isUnknown = unknownId !== undefined && ids.includes(unknownId);
  if (ids.length > 0 && !isUnknown) return ids;
  throw new UserError(
    'line-end-missing',
    `expected a tokenizer with a token for line ends, found one that ${isUnknown ? 'learned of none' : 'leaves them out'}`,
    'Lines cannot be scored by themselves without: gru-lm eval scores a text as one stream.',
  );
}

/**
 * The lines of a text in groups, in their order: as many as are there without waiting for more text, so
 * that text that comes slowly is scored as it comes.
 *
 * Throws as `textLines` and `lineStartOf`.
 */
export async function* tokenLines(
  chunks: TextChunks,
  tokenizer: Tokenizer,
): AsyncGenerator<TokenLine[], void, undefined> {
  const source = encodedLines(chunks, new LineEncoder(tokenizer));
  let group: TokenLine[] = [];
  let tokens = 0;
  try {
    let next = source.next();
    for (;;) {
      const found = await (group.length > 0 ? Promise.race([next, turnedEventLoop()]) : next);
      const isFull = tokens >= GATHERED_TOKENS || found === undefined || found.done;
      if (group.length > 0 && isFull) {
        yield group;
        group = [];
        tokens = 0;
      }
      if (found === undefined) continue;
      if (found.done) return;
      group.push(...found.value);
      tokens += found.value.reduce((sum, { ids }) => sum + ids.length, 0);
      next = source.next();
    }
  } finally {
    // Not waited for: it may itself wait for text that never comes.
    source.return().catch(() => undefined);
  }
}

async function turnedEventLoop(): Promise<undefined> {
  await turnEventLoop();
  return undefined;
}

async function* encodedLines(
  chunks: TextChunks,
  encoder: LineEncoder,
): AsyncGenerator<TokenLine[], void, undefined> {
  for await (const lines of textLines(chunks)) {
    let encoded: TokenLine[] = [];
    let tokens = 0;
    for (const line of lines) {
      const one = encoder.encode(line);
      encoded.push(one);
      tokens += one.ids.length;
      if (tokens < GATHERED_TOKENS) continue;
      yield encoded;
      encoded = [];
      tokens = 0;
    }
    if (encoded.length > 0) yield encoded;
  }
}

class LineEncoder {
  readonly #start: Int32Array;
  readonly #encoder: ReturnType<Tokenizer['encoder']>;
  readonly #buffer = new TokenBuffer();

  constructor(tokenizer: Tokenizer) {
    this.#start = lineStartOf(tokenizer);
    this.#encoder = tokenizer.encoder();
  }

  encode(line: Uint8Array): TokenLine {
    this.#buffer.clear();
    for (const id of this.#start) this.#buffer.push(id);
    this.#encoder.write(line, this.#buffer);
    this.#encoder.write(LINE_END, this.#buffer);
    this.#encoder.end(this.#buffer);
    return { ids: this.#buffer.view().slice(), context: this.#start.length };
  }
}
