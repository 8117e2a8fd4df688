import { lowercaseUtf8 } from './lowercase.ts';
import type { TokenBuffer } from './token-buffer.ts';
import type { TokenEncoder } from './tokenizer-types.ts';

/** Gives each code point of UTF-8 the id that a table has for it. */
export class CharEncoder implements TokenEncoder {
  private readonly table: Int32Array;
  private readonly unknownId: number;
  private readonly lowercase: boolean;

  /**
   * @param table the id of each code point, of ASCII's 128 at least
   * @param unknownId the id of code points beyond the table
   */
  constructor(table: Int32Array, unknownId: number, lowercase: boolean) {
    this.table = table;
    this.unknownId = unknownId;
    this.lowercase = lowercase;
  }

  // Decoding here, not in a function of its own, makes the loop several times as fast.
  write(text: Uint8Array, out: TokenBuffer): void {
    const bytes = this.lowercase ? lowercaseUtf8(text) : text;
    const { table, unknownId } = this;
    const { length } = bytes;
    out.reserve(length);
    const { ids } = out;
    let count = out.length;
    for (let i = 0; i < length; count += 1) {
      let byte = bytes[i]!;
      while (byte < 0x80) {
        ids[count] = table[byte]!;
        i += 1;
        if (i === length) {
          out.length = count + 1;
          return;
        }
        count += 1;
        byte = bytes[i]!;
      }
      let codePoint: number;
      if (byte < 0xe0) {
        codePoint = ((byte & 0x1f) << 6) | (bytes[i + 1]! & 0x3f);
        i += 2;
      } else if (byte < 0xf0) {
        codePoint = ((byte & 0xf) << 12) | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f);
        i += 3;
      } else {
        const high = ((byte & 0x7) << 18) | ((bytes[i + 1]! & 0x3f) << 12);
        codePoint = high | ((bytes[i + 2]! & 0x3f) << 6) | (bytes[i + 3]! & 0x3f);
        i += 4;
      }
      ids[count] = codePoint < table.length ? table[codePoint]! : unknownId;
    }
    out.length = count;
  }

  end(): void {}
}
