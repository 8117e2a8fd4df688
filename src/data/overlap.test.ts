import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { findOverlap } from './overlap.ts';
import { TokenArray } from './token-sequence.ts';

const tokens = (minLength: number) =>
  fc
    .array(fc.nat({ max: 2 }), { minLength, maxLength: 60 })
    .map((ids) => new TokenArray(Int32Array.from(ids)));

function slice(sequence: TokenArray, start: number, length: number): string {
  const ids = new Int32Array(length);
  sequence.read(start, ids);
  return ids.join();
}

describe('overlap of held-out and training tokens', () => {
  it('is what a plain search finds', async () => {
    const length = 4;
    await fc.assert(
      fc.asyncProperty(tokens(length), tokens(0), async (heldOut, training) => {
        const places = Array.from({ length: Math.max(0, training.length - length + 1) }, (_, i) =>
          slice(training, i, length),
        );
        const count = Math.floor(heldOut.length / length);
        const passages = Array.from({ length: count }, (_, i) =>
          slice(
            heldOut,
            Math.floor((i * (heldOut.length - length)) / Math.max(1, count - 1)),
            length,
          ),
        ).filter((passage) => new Set(passage.split(',')).size > 1);
        expect(await findOverlap(heldOut, training, { length })).toEqual({
          probed: passages.length,
          found: passages.filter((passage) => places.includes(passage)).length,
        });
      }),
    );
  });

  it('is found wherever a long text has it, and not in other text', async () => {
    const random = new Random(3);
    const draw = (length: number) => Int32Array.from({ length }, () => random.integer(60_000));
    const training = draw(600_000);
    const heldOut = draw(64_000);
    expect(await findOverlap(new TokenArray(heldOut), new TokenArray(training))).toEqual({
      probed: 1000,
      found: 0,
    });
    // Three passages are put where the training text is read in two blocks, and at its ends.
    training.set(heldOut.subarray(0, 64), 0);
    training.set(heldOut.subarray(640, 704), (1 << 18) - 30);
    training.set(heldOut.subarray(63_936, 64_000), 600_000 - 64);
    const { found } = await findOverlap(new TokenArray(heldOut), new TokenArray(training));
    expect(found).toBe(3);
  });

  it('is nothing where the held-out text is shorter than a passage', async () => {
    const short = new TokenArray(new Int32Array(63));
    expect(await findOverlap(short, short)).toEqual({ probed: 0, found: 0 });
  });
});
