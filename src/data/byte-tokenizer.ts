/** Text, or any file at all, as bytes: nothing is unknown, and there is nothing to learn. */

import { decodeIds, encodeText } from './text-pieces.ts';
import type { TokenBuffer } from './token-buffer.ts';
import {
  END_OF_TEXT_TOKEN,
  type TokenDecoder,
  type TokenEncoder,
  type Tokenizer,
  type TokenizerJson,
  type TokenizerTrainer,
} from './tokenizer-types.ts';
import { assertId, showByte } from './vocabulary.ts';

const BYTES = 256;

/** Ids below 256 are the bytes, and 256 is the end of text. */
export class ByteTokenizer implements Tokenizer {
  readonly kind = 'byte';
  readonly vocabularySize = BYTES + 1;
  readonly unknownId = undefined;
  readonly endOfTextId = BYTES;
  readonly lowercase = false;

  encoder(): TokenEncoder {
    return {
      write(bytes: Uint8Array, out: TokenBuffer) {
        out.reserve(bytes.length);
        out.ids.set(bytes, out.length);
        out.length += bytes.length;
      },
      end() {},
    };
  }

  encode(text: string): Int32Array {
    return encodeText(this.encoder(), text);
  }

  decoder(): TokenDecoder {
    return new ByteDecoder();
  }

  decode(ids: ArrayLike<number>): string {
    return decodeIds(this.decoder(), ids);
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    const bytes = new Uint8Array(ids.length);
    let length = 0;
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i]!;
      assertId(id, this.vocabularySize);
      if (id !== this.endOfTextId) {
        bytes[length] = id;
        length += 1;
      }
    }
    return bytes.subarray(0, length);
  }

  token(id: number): string {
    assertId(id, this.vocabularySize);
    return id === this.endOfTextId ? END_OF_TEXT_TOKEN : showByte(id);
  }

  findUnknown(): undefined {
    return undefined;
  }

  toJSON(): TokenizerJson {
    return { format: 'gru-lm-tokenizer', version: 1, kind: 'byte' };
  }
}

/** Holds back the bytes of a character until it is whole; the end of a text makes it U+FFFD. */
class ByteDecoder implements TokenDecoder {
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  private readonly byte = new Uint8Array(1);

  push(id: number): string {
    assertId(id, BYTES + 1);
    if (id === BYTES) {
      return this.end();
    }
    this.byte[0] = id;
    return this.utf8.decode(this.byte, { stream: true });
  }

  end(): string {
    return this.utf8.decode();
  }
}

/** There is nothing to learn. */
export class ByteTrainer implements TokenizerTrainer {
  readonly notices: readonly string[] = [];

  write(): void {}

  endDocument(): void {}

  finish(): ByteTokenizer {
    return new ByteTokenizer();
  }
}
