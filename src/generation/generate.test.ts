import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { heldTensors, valuesOf } from '../../test/support/numbers.ts';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { forward, logitsOf, type Weights, zeroState } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type GenerateOptions, generate } from './generate.ts';
import { tokensWithin } from './text-stream.ts';

const options: GenerateOptions = { length: 30, temperature: 1, topK: 0, topP: 1, greedy: false };
const chars = trainTokenizer('ab\n', { kind: 'char' });
const words = trainTokenizer('a aa ab b\n', { kind: 'word' });
const bytes = trainTokenizer('', { kind: 'byte' });
const documents = trainTokenizer('ab', { kind: 'char', endOfText: true });

function configOf(tokenizer: Tokenizer): ModelConfig {
  return {
    vocabularySize: tokenizer.vocabularySize,
    embeddingSize: 3,
    hiddenSize: 4,
    layers: 2,
    gruVariant: 'reset-after',
    dropout: 0,
  };
}

function modelOf(tokenizer: Tokenizer): Weights {
  const parameters = initialParameters(configOf(tokenizer), new Random(1));
  // Far from uniform, so that texts differ from chance and greedy choices are clear.
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return weightsOf(parameters);
}

/** −log softmax(logits)[id], in nats. */
function natsOf(logits: ArrayLike<number>, id: number): number {
  const sum = Array.from(logits).reduce((total, score) => total + Math.exp(score), 0);
  return Math.log(sum) - (logits[id] as number);
}

describe.each(testBackends)('generation on %s', (backend) => {
  let weights: Map<Tokenizer, Weights>;
  beforeAll(async () => {
    await useBackend(backend);
    weights = new Map([chars, words].map((tokenizer) => [tokenizer, modelOf(tokenizer)]));
  });

  const start = (
    tokenizer: Tokenizer,
    overrides: Partial<GenerateOptions> = {},
    { seed = 1, prompt = '' } = {},
  ) =>
    generate(
      configOf(tokenizer),
      weights.get(tokenizer)!,
      tokenizer,
      tokenizer.encode(prompt),
      { ...options, ...overrides },
      new Random(seed),
    );
  const textOf = (...from: Parameters<typeof start>) =>
    Array.from(start(...from), ({ text }) => text).join('');

  it('gives the same text for the same seed, and another for another', () => {
    for (const tokenizer of [chars, words]) {
      expect(textOf(tokenizer)).toBe(textOf(tokenizer));
      expect(textOf(tokenizer, {}, { seed: 2 })).not.toBe(textOf(tokenizer));
    }
  });

  it('makes as many tokens as it is asked for, and never an unknown one', () => {
    expect(textOf(chars)).toMatch(/^[ab\n]{30}$/);
    for (const prompt of ['', 'a ab', '\n']) {
      const made = textOf(words, {}, { prompt });
      expect(words.encode(made)).toHaveLength(30);
      expect(words.encode(made)).not.toContain(words.unknownId);
    }
  });

  it('gives the text that belongs after the prompt: words are set off by a space', () => {
    const after = textOf(words, { greedy: true, length: 12 }, { prompt: 'aa b' });
    expect(words.decode(words.encode(`aa b${after}`))).toBe(`aa b${after}`);
    expect(words.encode(`aa b${after}`)).toHaveLength(14);
    expect(after).toMatch(/^[ \n]/);
    // At the start of a line there is none.
    expect(textOf(words, { greedy: true, length: 1 })).toMatch(/^\S+$|^\n$/);
  });

  it('takes the likeliest token each time when it is greedy, and tells −log p of each', () => {
    const prompt = chars.encode('ab');
    const pieces = [
      ...generate(
        configOf(chars),
        weights.get(chars)!,
        chars,
        prompt,
        { ...options, greedy: true, length: 8 },
        new Random(1),
      ),
    ];
    const ids = [...prompt];
    for (const { text, nats } of pieces) {
      const { features } = forward(
        configOf(chars),
        weights.get(chars)!,
        tf.tensor1d(ids, 'int32'),
        zeroState(configOf(chars), 1),
      );
      const logits = [...valuesOf(logitsOf(weights.get(chars)!, features)).slice(-4)];
      const known = logits.slice(0, 3);
      const best = known.indexOf(Math.max(...known));
      expect(text).toBe(chars.decode([best]));
      expect(nats).toBeCloseTo(natsOf(logits, best), 4);
      ids.push(best);
    }
    expect(pieces).toHaveLength(8);
  });

  it('releases its tensors at the end, when it is left early, and when it fails', () => {
    textOf(chars);
    const held = heldTensors();
    textOf(chars, { stop: ['a'] });
    expect(heldTensors()).toEqual(held);
    for (const piece of start(chars)) {
      expect(piece.text).toHaveLength(1);
      break;
    }
    expect(heldTensors()).toEqual(held);
    const broken = start(chars);
    broken.next();
    expect(() => broken.throw(new Error('stop'))).toThrow('stop');
    expect(heldTensors()).toEqual(held);
    start(chars).return();
    expect(heldTensors()).toEqual(held);
  });
});

describe('the text of tokens', () => {
  beforeAll(() => useBackend('wasm'));
  const run = (
    tokenizer: Tokenizer,
    prompt: ArrayLike<number>,
    seed: number,
    more: Partial<GenerateOptions> = {},
  ) => [
    ...generate(
      configOf(tokenizer),
      modelOf(tokenizer),
      tokenizer,
      prompt,
      { ...options, ...more },
      new Random(seed),
    ),
  ];

  it('is whole characters, though a byte be half of one', () => {
    let held = 0;
    for (let seed = 0; seed < 10; seed++) {
      const pieces = run(bytes, [], seed, { length: 60 });
      const text = pieces.map((piece) => piece.text).join('');
      expect(Buffer.from(text).toString()).toBe(text);
      expect(pieces.filter(({ nats }) => nats !== undefined).length).toBeLessThanOrEqual(60);
      held += pieces.filter((piece) => piece.text === '').length;
      // What is left over at the end comes without a token of its own.
      expect(pieces.slice(0, -1).every(({ nats }) => nats !== undefined)).toBe(true);
    }
    expect(held).toBeGreaterThan(0);
  });

  it('ends where a document does', () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const pieces = run(documents, documents.encode('a'), seed, { length: 20 });
      const text = pieces.map((piece) => piece.text).join('');
      expect(text).toMatch(/^[ab]*$/);
      // The last of fewer tokens is the end itself, which has its probability but no text.
      expect(pieces.length).toBe(text.length === 20 ? 20 : text.length + 1);
      expect(pieces.every(({ nats }) => nats !== undefined)).toBe(true);
      lengths.add(text.length);
    }
    expect(lengths.size).toBeGreaterThan(3);
  });

  it('begins as after the end of a document where the vocabulary has no line end', () => {
    expect(run(documents, [], 1)).toEqual(run(documents, [documents.endOfTextId!], 1));
    expect(run(bytes, [], 1)).toEqual(run(bytes, bytes.encode('\n'), 1));
  });

  it('gives what it held back for the stop text when a document ends', () => {
    const texts = Array.from({ length: 20 }, (_, seed) =>
      run(documents, [], seed, { stop: ['aaaaaaaaaaab'] })
        .map((piece) => piece.text)
        .join(''),
    );
    const whole = Array.from({ length: 20 }, (_, seed) =>
      run(documents, [], seed)
        .map((piece) => piece.text)
        .join(''),
    );
    expect(texts).toEqual(whole);
  });
});

describe('with a stop text', () => {
  beforeAll(() => useBackend('wasm'));

  it('gives what comes before it, wherever tokens begin and end', () => {
    const models = new Map([chars, words].map((tokenizer) => [tokenizer, modelOf(tokenizer)]));
    const stop = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n'), minLength: 1, maxLength: 4 }),
      fc.constantFrom('a b', 'b a', 'aa', '\na', 'ab\n', 'b aa a', 'bb'),
    );
    fc.assert(
      fc.property(fc.nat(99), stop, fc.constantFrom(chars, words), (seed, stopText, tokenizer) => {
        const pieces = (until?: string[]) => [
          ...generate(
            configOf(tokenizer),
            models.get(tokenizer)!,
            tokenizer,
            [],
            { ...options, stop: until },
            new Random(seed),
          ),
        ];
        const whole = pieces()
          .map(({ text }) => text)
          .join('');
        const stopped = pieces(['never', stopText]);
        const text = stopped.map((piece) => piece.text).join('');
        const at = whole.indexOf(stopText);
        expect(text).toBe(at < 0 ? whole : whole.slice(0, at));
        // Only what was held back to the very end comes without a token of its own.
        expect(stopped.slice(0, -1).every(({ nats }) => nats !== undefined)).toBe(true);
        // The tokens that are whole in the text spell it, but for a part of the one in which it ends.
        const ids = stopped.flatMap(({ id }) => (id === undefined ? [] : [id]));
        const within = tokensWithin(tokenizer, { tokens: [], held: '' }, ids, text);
        expect(text.startsWith(tokenizer.decode(within))).toBe(true);
        const longer = ids.slice(0, within.length + 1);
        if (at >= 0) expect(tokenizer.decode(longer).length).toBeGreaterThan(text.length);
        else expect(within).toEqual(ids);
      }),
      { numRuns: 60 },
    );
  });
});
