import fc from 'fast-check';
import { TokenBuffer } from '../token-buffer.ts';
import type { Tokenizer, TokenizerTrainer } from '../tokenizer-types.ts';

/** Text in pieces, cut between characters: any, or such as tokenizers may take for something else. */
export const textPieces: fc.Arbitrary<string[]> = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.string({
      unit: fc.constantFrom(...'ab .\n\r\t\u00a0\u3000\ufeffé我们ไทย😀Σς'),
      maxLength: 12,
    }),
    fc.constantFrom('', ' ', '  ', '\r\n', '<unk>', '<eol>', '<|endoftext|>', 'the cat’s'),
  ),
  { maxLength: 12 },
);

/** A string of any code units, lone surrogates among them. */
export const anyUnits: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe010 })))
  .map((units) => String.fromCharCode(...units));

/** The ids of a text that comes in pieces. */
export function encodePieces(tokenizer: Tokenizer, pieces: readonly Uint8Array[]): number[] {
  const encoder = tokenizer.encoder();
  const ids: number[] = [];
  const out = new TokenBuffer();
  for (const piece of pieces) {
    // Encoders may not keep the bytes that they are given.
    const bytes = piece.slice();
    encoder.write(bytes, out);
    bytes.fill(0x61);
    ids.push(...out.view());
    out.clear();
  }
  encoder.end(out);
  return [...ids, ...out.view()];
}

/** Trains on a document that comes in pieces. */
export function trainPieces(trainer: TokenizerTrainer, pieces: readonly string[]): Tokenizer {
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    trainer.write(bytes);
    bytes.fill(0x61);
  }
  trainer.endDocument();
  return trainer.finish();
}

/** The text of ids that come one at a time. */
export function decodeOneByOne(tokenizer: Tokenizer, ids: ArrayLike<number>): string {
  const decoder = tokenizer.decoder();
  const pieces = Array.from(ids, (id) => decoder.push(id));
  return pieces.join('') + decoder.end();
}
