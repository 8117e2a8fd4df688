import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { heldTensors, valuesOf } from '../../test/support/numbers.ts';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { forward, logitsOf, zeroState } from '../model/language-model.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type BeamOptions, type FoundText, searchBeams } from './beam-search.ts';
import { generate } from './generate.ts';
import { afterPrompt, type TextModel } from './text-model.ts';

const chars = trainTokenizer('ab\n', { kind: 'char' });
const documents = trainTokenizer('ab', { kind: 'char', endOfText: true });

function modelOf(tokenizer: Tokenizer, seed: number): TextModel {
  const config = {
    ...{ vocabularySize: tokenizer.vocabularySize, embeddingSize: 3, hiddenSize: 4, layers: 1 },
    ...{ gruVariant: 'reset-after' as const, dropout: 0 },
  };
  const parameters = initialParameters(config, new Random(seed));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 4;
  return { config, tokenizer, weights: weightsOf(parameters) };
}

function search(model: TextModel, prompt: string, options: BeamOptions): FoundText[] {
  const ids = model.tokenizer.encode(prompt);
  const steps = searchBeams(model, afterPrompt(model.tokenizer, ids), options);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** Looks up log p of each token after a text, by the forward pass over all of it. */
function oracle(model: TextModel, prompt: string) {
  const known = new Map<string, Float32Array>();
  const start = model.tokenizer.encode(prompt);
  return (ids: readonly number[]): Float32Array => {
    const key = ids.join();
    let found = known.get(key);
    if (!found) {
      const V = model.config.vocabularySize;
      found = tf.tidy(() => {
        const all = tf.tensor1d([...start, ...ids], 'int32');
        const { features } = forward(model.config, model.weights, all, zeroState(model.config, 1));
        return valuesOf(tf.logSoftmax(logitsOf(model.weights, features))).slice(-V);
      });
      known.set(key, found);
    }
    return found;
  };
}

type Text = { ids: number[]; nats: number };

/** The definition: all extensions of all beams, ranked; complete ones are kept aside. */
function reference(
  { tokenizer }: TextModel,
  logsAfter: (ids: readonly number[]) => Float32Array,
  { beams, length, stop = [], banned }: BeamOptions,
): Text[] {
  let unfinished: Text[] = [{ ids: [], nats: 0 }];
  const complete: Text[] = [];
  for (let step = 1; step <= length && unfinished.length > 0; step++) {
    const ranked = unfinished
      .flatMap(({ ids, nats }) =>
        Array.from(logsAfter(ids), (log, id) => ({ ids: [...ids, id], nats: nats - log })),
      )
      .filter(({ ids }) => ids.at(-1) !== tokenizer.unknownId && !banned?.has(ids.at(-1)!))
      .sort((a, b) => a.nats - b.nats);
    unfinished = [];
    for (const text of ranked) {
      if (unfinished.length === beams) break;
      const isComplete =
        step === length ||
        text.ids.at(-1) === tokenizer.endOfTextId ||
        stop.some((each) => tokenizer.decode(text.ids).includes(each));
      (isComplete ? complete : unfinished).push(text);
    }
  }
  return complete.sort((a, b) => a.nats - b.nats);
}

function expectSame(found: FoundText[], expected: Text[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, { nats }] of found.entries()) expect(nats).toBeCloseTo(expected[i]!.nats, 4);
  // Of almost equally likely texts the order may be another.
  const isClear = expected.every(({ nats }, i) => i === 0 || nats - expected[i - 1]!.nats > 1e-4);
  if (isClear) expect(found.map(({ ids }) => ids)).toEqual(expected.map(({ ids }) => ids));
}

const cases = fc.record({
  tokenizer: fc.constantFrom(chars, documents),
  seed: fc.nat({ max: 50 }),
  prompt: fc.constantFrom('a', 'ab', 'bba'),
  length: fc.integer({ min: 1, max: 5 }),
  stop: fc.constantFrom(undefined, ['b'], ['ab', 'bb'], ['aab']),
  wanted: fc.integer({ min: 1, max: 4 }),
});

describe('beam search', () => {
  beforeAll(() => useBackend('wasm'));

  it('with as many beams as there are texts finds the likeliest of all', () => {
    fc.assert(
      fc.property(cases, ({ tokenizer, seed, prompt, ...options }) => {
        const model = modelOf(tokenizer, seed);
        const all = reference(model, oracle(model, prompt), { ...options, beams: 4 ** 5 });
        // Every text is among them: their probabilities add up to that of no unknown token.
        if (tokenizer === documents && options.length === 1) expect(all).toHaveLength(3);
        const found = search(model, prompt, { ...options, beams: 4 ** 5 });
        expectSame(found, all.slice(0, options.wanted));
      }),
      { numRuns: 40 },
    );
  });

  it('with a few beams keeps the likeliest unfinished texts, and complete ones that are likelier', () => {
    fc.assert(
      fc.property(
        cases,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(undefined, new Set([0])),
        ({ tokenizer, seed, prompt, ...options }, beams, banned) => {
          const model = modelOf(tokenizer, seed);
          const wanted = Math.min(options.wanted, beams);
          const some = { ...options, beams, wanted, banned };
          const expected = reference(model, oracle(model, prompt), some).slice(0, wanted);
          expectSame(search(model, prompt, some), expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('with one beam and without ends is greedy', () => {
    const model = modelOf(chars, 3);
    const { config, weights, tokenizer } = model;
    const greedy = { temperature: 1, topK: 0, topP: 1, greedy: true, length: 20 };
    const prompt = tokenizer.encode('ab');
    const pieces = [...generate(config, weights, tokenizer, prompt, greedy, new Random(1))];
    const [found] = search(model, 'ab', { beams: 1, wanted: 1, length: 20 });
    expect(found!.text).toBe(pieces.map(({ text }) => text).join(''));
    expect(found!.nats).toBeCloseTo(
      pieces.reduce((sum, { nats = 0 }) => sum + nats, 0),
      3,
    );
  });

  it('gives the text before a stop text, and of a document none for its end', () => {
    for (let seed = 0; seed < 10; seed++) {
      const options = { beams: 4, wanted: 4, length: 12, stop: ['ba'] };
      for (const { text, ids } of search(modelOf(documents, seed), 'a', options)) {
        const whole = documents.decode(ids);
        expect(text).toBe(whole.split('ba')[0]);
        if (ids.includes(documents.endOfTextId!)) expect(ids.at(-1)).toBe(documents.endOfTextId);
      }
    }
  });

  it('releases what it holds, also when it is left early', () => {
    const model = modelOf(chars, 1);
    const held = heldTensors();
    search(model, 'a', { beams: 3, wanted: 2, length: 6 });
    expect(heldTensors()).toEqual(held);
    const start = afterPrompt(chars, chars.encode('a'));
    const steps = searchBeams(model, start, { beams: 3, wanted: 2, length: 6 });
    steps.next();
    steps.return([]);
    expect(heldTensors()).toEqual(held);
  });
});
