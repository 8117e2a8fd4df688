/** Text through a tokenizer into wherever ids are kept, a chunk at a time. */
import { countCharacters } from './measure-text.ts';
import { smallParts } from './small-parts.ts';
import type { TextChunk } from './text-chunk.ts';
import { TokenBuffer } from './token-buffer.ts';
import type { TokenEncoder, Tokenizer } from './tokenizer-types.ts';

/** What a part of a text came to. */
export type PartSize = {
  readonly tokens: number;
  /** Tokens that are the unknown one. */
  readonly unknown: number;
  readonly characters: number;
  /** Of UTF-8. */
  readonly bytes: number;
  readonly documents: number;
};

/** Takes ids, in order; they are its own only until it has them. */
export type KeepTokens = (ids: Int32Array) => Promise<void>;

/** Ids that are gathered before they are handed on: documents may be as short as a line. */
const BATCH_TOKENS = 1 << 14;

/** Encodes a part of a text: documents in order, the end-of-text token between them. */
export class PartEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #keep: KeepTokens;
  readonly #encoder: TokenEncoder;
  readonly #buffer = new TokenBuffer();
  /** Whether each character is a token, which then need not be counted twice. */
  readonly #hasCharacterTokens: boolean;
  /** End-of-text tokens so far. */
  #ends = 0;
  readonly #size = { tokens: 0, unknown: 0, characters: 0, bytes: 0, documents: 0 };

  constructor(tokenizer: Tokenizer, keep: KeepTokens) {
    this.#tokenizer = tokenizer;
    this.#keep = keep;
    this.#encoder = tokenizer.encoder();
    // What is lowercased may have more characters than before.
    this.#hasCharacterTokens = tokenizer.kind === 'char' && !tokenizer.lowercase;
  }

  /** The next chunk of the part. A part may begin within a document. */
  async write({ bytes, startsDocument }: TextChunk): Promise<void> {
    const isFirst = this.#size.documents === 0;
    if (startsDocument && !isFirst) {
      this.#encoder.end(this.#buffer);
      const { endOfTextId } = this.#tokenizer;
      if (endOfTextId !== undefined) {
        this.#buffer.push(endOfTextId);
        this.#ends += 1;
      }
    }
    if (startsDocument || isFirst) this.#size.documents += 1;
    this.#size.characters += countCharacters(bytes);
    this.#size.bytes += bytes.length;
    for (const part of smallParts(bytes)) {
      this.#encoder.write(part, this.#buffer);
      if (this.#buffer.length >= BATCH_TOKENS) await this.#flush();
    }
  }

  async end(): Promise<PartSize> {
    this.#encoder.end(this.#buffer);
    await this.#flush();
    if (this.#hasCharacterTokens) this.#size.characters = this.#size.tokens - this.#ends;
    return this.#size;
  }

  async #flush(): Promise<void> {
    const ids = this.#buffer.view();
    this.#size.tokens += ids.length;
    const { unknownId } = this.#tokenizer;
    if (unknownId !== undefined) this.#size.unknown += countOf(unknownId, ids);
    await this.#keep(ids);
    this.#buffer.clear();
  }
}

/** By `indexOf`, which is the fastest way where there are few. */
function countOf(id: number, ids: Int32Array): number {
  let count = 0;
  for (let i = ids.indexOf(id); i >= 0; i = ids.indexOf(id, i + 1)) {
    count += 1;
  }
  return count;
}
