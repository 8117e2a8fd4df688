/** Encoders and decoders of tokenizers that take a text whole. */

import type { TokenBuffer } from './token-buffer.ts';
import type { TokenDecoder, TokenEncoder, Tokenizer } from './tokenizer-types.ts';

/** Keeps the text until it ends. */
export class WholeTextEncoder implements TokenEncoder {
  private readonly chunks: Uint8Array[] = [];
  private readonly tokenizer: Pick<Tokenizer, 'encode'>;

  constructor(tokenizer: Pick<Tokenizer, 'encode'>) {
    this.tokenizer = tokenizer;
  }

  write(bytes: Uint8Array): void {
    this.chunks.push(bytes.slice());
  }

  end(out: TokenBuffer): void {
    const ids = this.tokenizer.encode(Buffer.concat(this.chunks).toString());
    this.chunks.length = 0;
    out.reserve(ids.length);
    out.ids.set(ids, out.length);
    out.length += ids.length;
  }
}

/** Decodes each id with the one before it, since that one says whether a space comes between. */
export class PairDecoder implements TokenDecoder {
  private previous: number | undefined;
  private readonly tokenizer: Pick<Tokenizer, 'decode'>;

  constructor(tokenizer: Pick<Tokenizer, 'decode'>) {
    this.tokenizer = tokenizer;
  }

  push(id: number): string {
    const before = this.previous === undefined ? [] : [this.previous];
    this.previous = id;
    const skipped = this.tokenizer.decode(before).length;
    return this.tokenizer.decode([...before, id]).slice(skipped);
  }

  end(): string {
    this.previous = undefined;
    return '';
  }
}
