import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { Random } from '../random.ts';
import { type Batch, StatefulBatches } from './batches.ts';
import { openTokenFile, TokenFileWriter } from './token-file.ts';
import { TokenArray } from './token-sequence.ts';

const sizes = fc.record({
  batchSize: fc.integer({ min: 1, max: 5 }),
  steps: fc.integer({ min: 1, max: 6 }),
  extra: fc.integer({ min: 0, max: 60 }),
  isRandom: fc.boolean(),
});

function sequence(length: number): TokenArray {
  return new TokenArray(Int32Array.from({ length }, (_, i) => i));
}

/** Stream b of a `[T·B]` array: `[T]`. */
function stream(data: Int32Array, b: number, batchSize: number): number[] {
  return [...data].filter((_, i) => i % batchSize === b);
}

function take(batches: StatefulBatches, count: number): Batch[] {
  return Array.from({ length: count }, () => batches.next());
}

describe('StatefulBatches', () => {
  it('lays out windows time-major, with the next token as target', () => {
    const batches = new StatefulBatches(sequence(13), { batchSize: 2, steps: 3 });
    expect(batches.windowsPerEpoch).toBe(2);
    expect(batches.next()).toEqual({
      inputs: Int32Array.of(0, 6, 1, 7, 2, 8),
      targets: Int32Array.of(1, 7, 2, 8, 3, 9),
      steps: 3,
      startsEpoch: true,
      epoch: 0,
    });
    expect(batches.next()).toEqual({
      inputs: Int32Array.of(3, 9, 4, 10, 5, 11),
      targets: Int32Array.of(4, 10, 5, 11, 6, 12),
      steps: 3,
      startsEpoch: false,
      epoch: 0,
    });
    expect(batches.next()).toMatchObject({ startsEpoch: true, epoch: 1 });
  });

  it('gives each stream one contiguous run an epoch, and each token to one stream', () => {
    fc.assert(
      fc.property(sizes, ({ batchSize, steps, extra, isRandom }) => {
        const length = batchSize * steps + 1 + extra;
        const randomOffset = isRandom ? new Random(extra) : undefined;
        const batches = new StatefulBatches(sequence(length), { batchSize, steps, randomOffset });
        const n = Math.floor((length - 1) / batchSize);
        for (let epoch = 0; epoch < 3; epoch += 1) {
          const windows = take(batches, batches.windowsPerEpoch);
          expect(windows.map((w) => w.startsEpoch)).toEqual(windows.map((_, i) => i === 0));
          expect(windows.every((w) => w.epoch === epoch)).toBe(true);
          const { offset } = batches.cursor();
          expect(offset).toBeLessThan(isRandom ? steps : 1);
          for (let b = 0; b < batchSize; b += 1) {
            const inputs = windows.flatMap((w) => stream(w.inputs, b, batchSize));
            const targets = windows.flatMap((w) => stream(w.targets, b, batchSize));
            expect(inputs).toEqual(inputs.map((_, i) => b * n + offset + i));
            expect(targets).toEqual(inputs.map((id) => id + 1));
            expect(targets.at(-1)).toBeLessThanOrEqual((b + 1) * n);
          }
        }
      }),
    );
  });

  it('drops only the last partial window where epochs begin at the first token', () => {
    fc.assert(
      fc.property(sizes, ({ batchSize, steps, extra }) => {
        const length = batchSize * steps + 1 + extra;
        const batches = new StatefulBatches(sequence(length), { batchSize, steps });
        expect(batches.windowsPerEpoch).toBe(
          Math.floor(Math.floor((length - 1) / batchSize) / steps),
        );
      }),
    );
  });

  it('begins epochs at every offset below T in turn', () => {
    const randomOffset = new Random(1);
    const batches = new StatefulBatches(sequence(101), { batchSize: 2, steps: 5, randomOffset });
    const offsets = Array.from({ length: 100 }, () => {
      const [first] = take(batches, batches.windowsPerEpoch);
      return first!.inputs[0]!;
    });
    expect([...new Set(offsets)].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('goes on from a cursor exactly as without a stop', () => {
    fc.assert(
      fc.property(sizes, fc.nat(40), ({ batchSize, steps, extra, isRandom }, count) => {
        const tokens = sequence(batchSize * steps + 1 + extra);
        const random = new Random(5);
        const options = { batchSize, steps };
        const batches = new StatefulBatches(
          tokens,
          isRandom ? { ...options, randomOffset: random } : options,
        );
        take(batches, count);
        const saved = JSON.parse(JSON.stringify([batches.cursor(), random.state()]));
        const randomOffset = Random.fromState(saved[1]);
        const resumed = new StatefulBatches(
          tokens,
          isRandom ? { ...options, randomOffset } : options,
        );
        resumed.restore(saved[0]);
        expect(resumed.cursor()).toEqual(batches.cursor());
        expect(take(resumed, 20)).toEqual(take(batches, 20));
      }),
    );
  });

  describe('told how long each window is to be', () => {
    const wanted = fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 30, maxLength: 30 });
    const text = { batchSize: fc.integer({ min: 1, max: 4 }), extra: fc.nat(60) };
    const steps = 6;
    const open = (batchSize: number, extra: number, randomOffset: Random) => {
      const tokens = sequence(batchSize * steps + 1 + extra);
      return new StatefulBatches(tokens, { batchSize, steps, randomOffset, shortest: 2 });
    };

    it('goes through each epoch without a gap, but for less than the shortest at its end', () => {
      fc.assert(
        fc.property(wanted, text.batchSize, text.extra, (lengths, batchSize, extra) => {
          const batches = open(batchSize, extra, new Random(extra));
          const n = Math.floor((batchSize * steps + extra) / batchSize);
          let next = 0;
          let passes = 0;
          for (const length of lengths) {
            const before = { next, epoch: batches.cursor().epoch };
            const batch = batches.next(length);
            const { offset, taken } = batches.cursor();
            if (batch.startsEpoch) {
              // All that was left of the one before.
              if (batch.epoch > 0) expect(n - before.next).toBeLessThan(2);
              next = offset;
            }
            const left = n - next;
            expect(batch.steps).toBe(Math.min(length, left));
            expect(batch.inputs).toHaveLength(batchSize * batch.steps);
            for (let b = 0; b < batchSize; b += 1) {
              const inputs = stream(batch.inputs, b, batchSize);
              expect(inputs).toEqual(inputs.map((_, i) => b * n + next + i));
              expect(stream(batch.targets, b, batchSize)).toEqual(inputs.map((id) => id + 1));
            }
            next += batch.steps;
            expect(taken).toBe(next - offset);
            expect(batches.passes).toBeGreaterThan(passes);
            passes = batches.passes;
            expect(passes).toBe(batch.epoch + (n - next < 2 ? 1 : next / n));
          }
        }),
      );
    });

    it('goes on from a cursor exactly as without a stop', () => {
      fc.assert(
        fc.property(wanted, text.batchSize, text.extra, fc.nat(29), (lengths, size, extra, at) => {
          const random = new Random(extra);
          const batches = open(size, extra, random);
          for (const length of lengths.slice(0, at)) batches.next(length);
          const saved = JSON.parse(JSON.stringify([batches.cursor(), random.state()]));
          const resumed = open(size, extra, Random.fromState(saved[1]));
          resumed.restore(saved[0]);
          expect(resumed.passes).toBe(batches.passes);
          for (const length of lengths.slice(at)) {
            expect(resumed.next(length)).toEqual(batches.next(length));
          }
        }),
      );
    });

    it('refuses a cursor that does not say how much was taken, or more than there is', () => {
      const cursor = { epoch: 0, position: 2, offset: 3 };
      const message = (taken?: number) => {
        try {
          open(2, 10, new Random(1)).restore({ ...cursor, ...(taken !== undefined && { taken }) });
        } catch (error) {
          return (error as UserError).message;
        }
        return undefined;
      };
      // Streams of 11 tokens.
      expect(message(8)).toBeUndefined();
      expect(message()).toContain(
        '"progress.cursor.taken" to be a whole number from 0 to 8, found',
      );
      expect(message(9)).toContain(
        '"progress.cursor.taken" to be a whole number from 0 to 8, found 9',
      );
    });
  });

  it('gives the same windows of a file as of memory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gru-lm-batches-'));
    let files = 0;
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.constantFrom(300, 2 ** 20),
        async ({ batchSize, steps, extra, isRandom }, vocabularySize) => {
          const random = new Random(extra);
          const ids = Int32Array.from({ length: batchSize * steps + 1 + extra }, () =>
            random.integer(vocabularySize),
          );
          files += 1;
          const path = join(directory, `${files}`);
          const writer = await TokenFileWriter.create(path, vocabularySize);
          await writer.write(ids);
          const record = await writer.end();
          await writer.close();
          const file = await openTokenFile(path, record, 0);
          const [inMemory, ofFile] = [new TokenArray(ids), file].map((tokens) => {
            const randomOffset = isRandom ? new Random(extra) : undefined;
            return new StatefulBatches(tokens, { batchSize, steps, randomOffset });
          });
          const count = 2 * inMemory!.windowsPerEpoch + 1;
          expect(take(ofFile!, count)).toEqual(take(inMemory!, count));
          await file.close();
        },
      ),
      { numRuns: 50 },
    );
    await rm(directory, { recursive: true });
  });

  it.each([
    [{ epoch: -1, position: 0, offset: 0 }, 'epoch'],
    [{ epoch: 0, position: 3, offset: 0 }, 'position'],
    [{ epoch: 0, position: 0.5, offset: 0 }, 'position'],
    [{ epoch: 0, position: 0, offset: 1 }, 'offset'],
    [{ epoch: 0, position: 0 }, 'offset'],
  ])('refuses the cursor %j, naming %s', (cursor, field) => {
    const batches = new StatefulBatches(sequence(13), { batchSize: 2, steps: 3 });
    expect(() => batches.restore(cursor as never)).toThrow(UserError);
    expect(() => batches.restore(cursor as never)).toThrow(
      `expected "progress.cursor.${field}" to be`,
    );
  });

  it('needs one token more than a window of each stream', () => {
    expect(new StatefulBatches(sequence(7), { batchSize: 2, steps: 3 }).windowsPerEpoch).toBe(1);
    expect(() => new StatefulBatches(sequence(6), { batchSize: 2, steps: 3 })).toThrow(
      'expected at least 7 tokens of training text (batch size 2 × 3 steps + 1), found 6',
    );
    expect(() => new StatefulBatches(sequence(9), { batchSize: 0, steps: 3 })).toThrow(RangeError);
  });
});
