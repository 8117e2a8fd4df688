/** How the browser's module makes text, beside how gru-lm makes it. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/support/backends.ts';
import {
  browserModule,
  browserRandom,
  browserStops,
} from '../../../test/support/browser-module.ts';
import { randomParameters } from '../../../test/support/models.ts';
import { loadExported } from '../../../test/support/tfjs-model.ts';
import { CHARACTER_RUNS } from '../../data/bpe/character-runs.ts';
import { type Tokenizer, trainTokenizer } from '../../data/tokenizer.ts';
import { type ChoiceOptions, TokenChooser } from '../../generation/choose-token.ts';
import { type GenerateOptions, generate } from '../../generation/generate.ts';
import { StopTexts } from '../../generation/stop-texts.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import { weightsOf } from '../../model/weights.ts';
import { Random } from '../../random.ts';
import { modelFiles } from './model-files.ts';

const { TextModel, tokenizerFrom } = browserModule;

it('draws the numbers that gru-lm draws, for any seed', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (seed) => {
      const [found, expected] = [new browserRandom.Random(seed), new Random(seed)];
      for (let i = 0; i < 5; i += 1) expect(found.uniform()).toBe(expected.uniform());
    }),
  );
});

it('chooses the token that gru-lm chooses', () => {
  const scores = fc.array(
    fc.oneof(fc.integer({ min: -9, max: 0 }), fc.double({ min: -30, max: 0, noNaN: true })),
    { minLength: 2, maxLength: 40 },
  );
  const options = fc.record({
    temperature: fc.constantFrom(0.1, 0.8, 1, 2),
    topK: fc.constantFrom(0, 1, 2, 5, 100),
    topP: fc.constantFrom(0.01, 0.5, 0.9, 1),
    greedy: fc.boolean(),
  });
  const banned = fc.option(fc.nat(1), { nil: undefined });
  fc.assert(
    fc.property(scores, options, banned, fc.nat(1000), (values, choice, unknown, seed) => {
      const ours = new TokenChooser(choice satisfies ChoiceOptions, unknown);
      const theirs = new browserModule.TokenChooser(choice, unknown);
      const random = new browserRandom.Random(seed);
      const expected = ours.choose(values, new Random(seed));
      expect(theirs.choose(values, random.uniform())).toBe(expected);
    }),
    { numRuns: 1000 },
  );
});

it('ends at stop texts as gru-lm does, however the text is cut', () => {
  const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 4 }));
  const stops = fc.array(
    fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(pieces, stops, (some, ends) => {
      const [found, expected] = [new browserStops.StopTexts(ends), new StopTexts(ends)];
      for (const piece of some) {
        const answer = expected.push(piece);
        expect(found.push(piece)).toEqual(answer);
        if (answer.stopped) return;
      }
      expect(found.end()).toBe(expected.takeHeld());
    }),
    { numRuns: 500 },
  );
});

it.each([
  [{ temperature: 0 }, 'expected a temperature above 0, found 0'],
  [{ topP: 0 }, 'expected topP above 0, found 0'],
  [{ topK: -1 }, 'expected topK of at least 0, found -1'],
])('refuses %j', (options, message) => {
  expect(() => new browserModule.TokenChooser(options)).toThrow(message);
});

const TEXT = 'To be, or not to be — “größer” 今日は 🙂 end\n'.repeat(20);

const tokenizers: [string, Tokenizer][] = [
  ['characters', trainTokenizer(TEXT, { kind: 'char', endOfText: true })],
  ['words', trainTokenizer(TEXT, { kind: 'word' })],
  ['byte pairs', trainTokenizer(TEXT, { kind: 'bpe', vocabularySize: 280 })],
  ['bytes', trainTokenizer(TEXT, { kind: 'byte' })],
];

const plain = { length: 60, temperature: 0.9, topK: 0, topP: 1, greedy: false };

describe.each(tokenizers)('a model of %s in a browser', (_, tokenizer) => {
  const config: ModelConfig = {
    vocabularySize: tokenizer.vocabularySize,
    embeddingSize: 6,
    hiddenSize: 12,
    layers: 2,
    gruVariant: 'reset-after',
    dropout: 0,
  };
  const parameters = randomParameters(config, 5);
  let model: InstanceType<typeof TextModel>;

  beforeAll(async () => {
    await useBackend('cpu');
    const graph = await loadExported(
      modelFiles(config, parameters, 'none', { characterClasses: CHARACTER_RUNS }),
    );
    const json: unknown = JSON.parse(JSON.stringify(tokenizer.toJSON()));
    model = new TextModel(tf, graph, tokenizerFrom(json, graph.metadata));
  });

  async function piecesOf(pieces: AsyncIterable<string>): Promise<string[]> {
    const all: string[] = [];
    for await (const piece of pieces) all.push(piece);
    return all;
  }

  function expectedText(prompt: string, options: GenerateOptions, seed: number): string {
    const weights = weightsOf(parameters);
    const ids = tokenizer.encode(prompt);
    const pieces = generate(config, weights, tokenizer, ids, options, new Random(seed));
    const text = Array.from(pieces, (piece) => piece.text).join('');
    tf.dispose(Object.values(weights));
    return text;
  }

  it.each<[string, Partial<typeof plain> & { stop?: string[] }, number]>([
    ['To be', {}, 1],
    ['', { topK: 5 }, 2],
    ['größer 今', { topP: 0.7 }, 3],
    ['🙂', { greedy: true }, 4],
    ['or not', { stop: ['e', ' be'] }, 5],
  ])('makes the text that gru-lm makes of %j with %j', async (prompt, more, seed) => {
    const options = { ...plain, ...more };
    const pieces = await piecesOf(model.generate(prompt, { ...options, seed }));
    expect(pieces.join('')).toBe(expectedText(prompt, options, seed));
    expect(pieces).not.toContain('');
    for (const piece of pieces) expect(piece).not.toMatch(/\p{Surrogate}/u);
  });

  it('goes on where it was left, stopped or aborted, and keeps nothing at the end', async () => {
    const { numTensors } = tf.memory();
    const options = { ...plain, greedy: true };
    const whole = expectedText('To be', options, 1);
    const passage = model.passage();
    passage.add('To be');
    let text = '';
    for await (const piece of passage.generate({ ...options, length: 30 })) {
      text += piece;
      if (text.length > 3) break;
    }
    const left = passage.made;
    expect(left).toBeGreaterThan(0);
    const controller = new AbortController();
    for await (const piece of passage.generate({ ...options, signal: controller.signal })) {
      text += piece;
      if (passage.made >= left + 3) controller.abort();
    }
    const aborted = passage.made;
    expect(aborted).toBeLessThan(60);
    for await (const piece of passage.generate({ ...options, length: 60 - aborted })) text += piece;
    passage.dispose();
    expect(withoutHalves(text)).toBe(withoutHalves(whole));
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

/** A character that was half there is shown as U+FFFD where a text is left. */
function withoutHalves(text: string): string {
  return text.replaceAll('\ufffd', '');
}

it('makes one text of a passage at a time', async () => {
  await useBackend('cpu');
  const [, tokenizer] = tokenizers[0]!;
  const config: ModelConfig = {
    vocabularySize: tokenizer.vocabularySize,
    embeddingSize: 2,
    hiddenSize: 3,
    layers: 1,
    gruVariant: 'reset-before',
    dropout: 0,
  };
  const graph = await loadExported(modelFiles(config, randomParameters(config, 1), 'none', {}));
  const passage = new TextModel(tf, graph, tokenizerFrom(tokenizer.toJSON())).passage();
  const first = passage.generate({ length: 5 });
  await first.next();
  await expect(passage.generate().next()).rejects.toThrow('expected one generate at a time');
  await first.return();
  expect((await passage.generate({ length: 1, seed: 1 }).next()).value).toHaveLength(1);
  passage.dispose();
});
