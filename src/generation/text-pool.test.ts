import { beforeAll, describe, expect, it } from 'vitest';
import { hasNativeOperations, useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { generate } from './generate.ts';
import { afterPrompt, type TextModel } from './text-model.ts';
import { TextPool } from './text-pool.ts';

const tokenizer = trainTokenizer('ab\n', { kind: 'char' });
const plain: ChoiceOptions = { temperature: 1, topK: 0, topP: 1, greedy: false };
const careful: ChoiceOptions = { ...plain, temperature: 0.7, topK: 2, repetitionPenalty: 1.3 };

interface Wanted {
  prompt: string;
  choice: ChoiceOptions;
  length: number;
  stop?: string[];
  seeds: number[];
}

const WANTED: Wanted[] = [
  { prompt: 'ab', choice: plain, length: 9, seeds: [1, 2] },
  { prompt: '', choice: careful, length: 17, seeds: [3] },
  { prompt: 'ab'.repeat(300), choice: plain, length: 4, seeds: [4, 5, 6] },
  { prompt: 'b', choice: plain, length: 30, stop: ['ab'], seeds: [7] },
];

let model: TextModel;

/** The text that each would have alone. */
function alone({ prompt, choice, length, stop, seeds }: Wanted): string[] {
  const { config, weights } = model;
  const ids = tokenizer.encode(prompt);
  const options = { ...choice, length, stop };
  return seeds.map((seed) =>
    Array.from(
      generate(config, weights, tokenizer, ids, options, new Random(seed)),
      ({ text }) => text,
    ).join(''),
  );
}

/** Puts texts into a pool; what they come to, and what takes them out. */
function put(pool: TextPool, { prompt, choice, length, stop, seeds }: Wanted) {
  const found = { texts: seeds.map(() => ''), ends: [] as string[], isDone: false };
  const remove = pool.add({
    start: afterPrompt(tokenizer, tokenizer.encode(prompt)),
    chooser: new TokenChooser(choice, tokenizer.unknownId),
    options: { length, stop },
    texts: seeds.map((seed, i) => ({
      random: new Random(seed),
      onToken: ({ id, nats, text }, logProbabilities) => {
        expect(logProbabilities).toHaveLength(tokenizer.vocabularySize);
        expect(nats).toBe(-logProbabilities[id]!);
        found.texts[i] += text;
      },
      onEnd: (end, rest) => {
        found.texts[i] += rest;
        found.ends.push(end);
      },
    })),
    onEnd: () => {
      found.isDone = true;
    },
  });
  return { found, remove };
}

function finish(pool: TextPool): void {
  while (!pool.isEmpty) pool.step();
}

/** What a pool makes of a backend's numbers does not depend on which it is; the native one has steps of its own. */
const backends = ['wasm', ...(hasNativeOperations ? (['native'] as const) : [])] as const;

describe.each(backends)('texts in a pool on %s', (backend) => {
  let expected: string[][];

  beforeAll(async () => {
    await useBackend(backend);
    const config: TextModel['config'] = {
      ...{ vocabularySize: tokenizer.vocabularySize, embeddingSize: 3, hiddenSize: 4, layers: 2 },
      ...{ gruVariant: 'reset-after', dropout: 0 },
    };
    const parameters = initialParameters(config, new Random(1));
    for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
    model = { config, tokenizer, weights: weightsOf(parameters) };
    expected = WANTED.map(alone);
  });

  it.each([1, 2, 64])('are those that each has alone, whenever they come, %d at a time', (most) => {
    const pool = new TextPool(model, most);
    const all = WANTED.map((wanted) => {
      const { found } = put(pool, wanted);
      pool.step();
      pool.step();
      return found;
    });
    finish(pool);
    expect(all.map(({ texts }) => texts)).toEqual(expected);
    expect(all.every(({ isDone }) => isDone)).toBe(true);
    expect(all[0]?.ends).toEqual(['length', 'length']);
    expect(all[3]?.ends).toEqual(['stop']);
  });

  it('can be taken out while they are read, wait or are made, and leave the others as they are', () => {
    const before = heldTensors();
    const pool = new TextPool(model, 2);
    const [kept] = WANTED.slice(0, 1).map((wanted) => put(pool, wanted).found);
    const gone = WANTED.map((wanted) => put(pool, wanted));
    gone[2]!.remove();
    pool.step();
    pool.step();
    gone[0]!.remove();
    pool.step();
    for (const { remove } of gone) remove();
    gone[1]!.remove();
    finish(pool);
    expect(kept?.texts).toEqual(expected[0]);
    expect(gone.some(({ found }) => found.isDone)).toBe(false);
    expect(heldTensors()).toEqual(before);
  });

  it('hold nothing once the last is taken out, and others can come later', () => {
    const before = heldTensors();
    const pool = new TextPool(model, 2);
    const { remove } = put(pool, WANTED[0]!);
    pool.step();
    pool.step();
    expect(heldTensors()).not.toEqual(before);
    remove();
    expect(pool.isEmpty).toBe(true);
    expect(heldTensors()).toEqual(before);
    const { found } = put(pool, WANTED[0]!);
    finish(pool);
    expect(found.texts).toEqual(expected[0]);
    expect(heldTensors()).toEqual(before);
  });

  it('may be taken out by what is told of one of them', () => {
    const pool = new TextPool(model, 8);
    const other = put(pool, WANTED[0]!);
    let told = 0;
    const remove = pool.add({
      start: afterPrompt(tokenizer, tokenizer.encode('a')),
      chooser: new TokenChooser(plain, tokenizer.unknownId),
      options: { length: 5 },
      texts: [1, 2].map((seed) => ({
        random: new Random(seed),
        onToken: () => {
          told += 1;
          remove();
        },
        onEnd: () => expect.unreachable(),
      })),
      onEnd: () => expect.unreachable(),
    });
    finish(pool);
    expect(told).toBe(1);
    expect(other.found.texts).toEqual(expected[0]);
  });

  it('wait for no prompt that is long', () => {
    const pool = new TextPool(model, 8);
    const long = put(pool, { ...WANTED[0]!, prompt: 'a'.repeat(512 * 20) });
    const short = put(pool, { ...WANTED[0]!, length: 3 });
    for (let i = 0; i < 6; i++) pool.step();
    expect(short.found.isDone).toBe(true);
    expect(long.found.texts).toEqual(['', '']);
    const before = heldTensors();
    pool.dispose();
    expect(pool.isEmpty).toBe(true);
    expect(heldTensors()[0]).toBeLessThan(before[0]!);
  });
});
