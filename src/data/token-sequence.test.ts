import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, concatenated, sliceOf, TokenArray } from './token-sequence.ts';

const ids = fc.array(fc.nat(1000), { maxLength: 20 });

function readAll(sequence: ReturnType<typeof sliceOf>, start = 0, count = sequence.length - start) {
  const target = new Int32Array(count);
  sequence.read(start, target);
  return [...target];
}

describe('sequences of sequences', () => {
  it('read as the array that they would make, in whatever windows', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 5 }), fc.nat(100), fc.nat(100), (parts, a, b) => {
        const whole = concatenated(parts.map((part) => new TokenArray(Int32Array.from(part))));
        const flat = parts.flat();
        expect(readAll(whole)).toEqual(flat);
        const [start, end] = [a, b].map((place) => Math.min(place, flat.length)).sort(ascending);
        expect(readAll(whole, start, end! - start!)).toEqual(flat.slice(start, end));
        const slice = sliceOf(whole, start!, end! - start!);
        expect(readAll(slice)).toEqual(flat.slice(start, end));
      }),
    );
  });

  it('refuse windows that reach out of them', () => {
    const whole = concatenated([
      new TokenArray(Int32Array.of(1, 2)),
      new TokenArray(Int32Array.of(3)),
    ]);
    expect(() => readAll(whole, 2, 2)).toThrow(RangeError);
    expect(() => sliceOf(whole, 1, 3)).toThrow(RangeError);
    expect(() => readAll(sliceOf(whole, 0, 2), 1, 2)).toThrow(RangeError);
  });
});

function ascending(a: number, b: number): number {
  return a - b;
}

describe('a walk through a sequence', () => {
  const tokens = new TokenArray(Int32Array.from({ length: 70_000 }, (_, i) => i));

  it('comes by all tokens in order, and tells how far it is', async () => {
    const [walked, shares]: [number[], number[]] = [[], []];
    const onProgress = (share: number) => shares.push(share);
    for await (const block of blocksOf(tokens, { onProgress })) walked.push(...block);
    expect(walked).toEqual(readAll(tokens));
    expect(shares).toEqual([32_768 / 70_000, 65_536 / 70_000, 1]);
  });

  it('ends where it is told to, and lets others have their turn before', async () => {
    const controller = new AbortController();
    const stopped = new Error('stopped');
    const walk = async () => {
      for await (const _ of blocksOf(tokens, controller)) {
        setImmediate(() => controller.abort(stopped));
      }
    };
    await expect(walk()).rejects.toBe(stopped);
    await expect(blocksOf(tokens, controller).next()).rejects.toBe(stopped);
  });
});
