import { TokenBuffer } from './token-buffer.ts';
import type { TokenDecoder, TokenEncoder } from './tokenizer-types.ts';

/** Code units a piece: a string of any length is never in memory a second time. */
const PIECE_UNITS = 1 << 18;

/** `text` as UTF-8, cut between characters; a lone surrogate, which UTF-8 lacks, becomes U+FFFD. */
export function* utf8Pieces(text: string): Generator<Uint8Array, void, void> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + PIECE_UNITS, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) {
      end += 1;
    }
    yield Buffer.from(text.slice(start, end));
    start = end;
  }
}

/** The ids that `encoder` gives for `text`. */
export function encodeText(encoder: TokenEncoder, text: string): Int32Array {
  const out = new TokenBuffer();
  for (const piece of utf8Pieces(text)) {
    encoder.write(piece, out);
  }
  encoder.end(out);
  return out.ids.slice(0, out.length);
}

/** `text` with U+FFFD for lone surrogates: what is encoded of it. */
export function toWellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** The text that `decoder` gives for `ids`. */
export function decodeIds(decoder: TokenDecoder, ids: ArrayLike<number>): string {
  const pieces = Array.from(ids, (id) => decoder.push(id));
  pieces.push(decoder.end());
  return pieces.join('');
}
