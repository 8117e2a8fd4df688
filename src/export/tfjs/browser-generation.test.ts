/** How the browser's module makes text, beside how gru-lm makes it. */
import type { GraphModel } from '@tensorflow/tfjs-converter';
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
import { Passage } from '../../generation/passage.ts';
import { StopTexts } from '../../generation/stop-texts.ts';
import { afterPrompt } from '../../generation/text-model.ts';
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
    fc.property(pieces, stops, fc.constantFrom('', 'a', 'ab'), (some, ends, held) => {
      const [found, expected] = [new browserStops.StopTexts(ends, held), new StopTexts(ends, held)];
      for (const piece of some) {
        const answer = expected.push(piece);
        expect(found.push(piece)).toEqual(answer);
        if (answer.stopped) return;
      }
      expect(found.takeHeld()).toBe(expected.takeHeld());
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

async function piecesOf(pieces: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

const textOf = async (pieces: AsyncIterable<string>) => (await piecesOf(pieces)).join('');

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
    text += await textOf(passage.generate({ ...options, length: 60 - aborted }));
    text += passage.rest;
    passage.dispose();
    expect(text).toBe(whole);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('gives of each part of a text what gru-lm gives', async () => {
    const weights = weightsOf(parameters);
    const start = afterPrompt(tokenizer, tokenizer.encode('To be'));
    const [ours, theirs] = [new Passage({ config, weights, tokenizer }, start), model.passage()];
    theirs.add('To be');
    const chooser = new TokenChooser(plain, tokenizer.unknownId);
    for (const [seed, length] of [5, 1, 4, 4, 7].entries()) {
      const parts = ours.go(chooser, { length }, new Random(seed), 'keep');
      const expected = Array.from(parts, ({ text }) => text).join('');
      const options = { ...plain, length, seed };
      expect(await textOf(theirs.generate(options))).toBe(expected);
    }
    for (const each of [ours, theirs]) each.dispose();
    tf.dispose(Object.values(weights));
  });
});

/** A model that says a text, token by token, whatever it reads. */
function saying(text: string | readonly number[], tokenizer: Tokenizer) {
  const browserTokenizer = tokenizerFrom(JSON.parse(JSON.stringify(tokenizer.toJSON())), {
    characterClasses: CHARACTER_RUNS,
  });
  const ids = typeof text === 'string' ? [...tokenizer.encode(text)] : text;
  let at = 0;
  const predict = () => {
    const scores = new Float32Array(tokenizer.vocabularySize).fill(-100);
    scores[ids[at++] as number] = 0;
    return { logits: { data: async () => scores, dispose: () => {} } };
  };
  const nothing = { tensor1d: () => {}, dispose: () => {} };
  return new TextModel(
    nothing as unknown as typeof tf,
    { inputs: [], predict } as unknown as GraphModel,
    browserTokenizer,
  );
}

describe('what a text ends with', () => {
  const bytes = trainTokenizer('', { kind: 'byte' });
  const END = bytes.endOfTextId as number;

  it('is kept for the next part where it is half a character', async () => {
    for (const tokenizer of [bytes, trainTokenizer('abc', { kind: 'bpe', vocabularySize: 257 })]) {
      const passage = saying('日本語日本語', tokenizer).passage();
      const parts: [string, string][] = [];
      for (let i = 0; i < 4; i += 1) {
        const part = await textOf(passage.generate({ length: 4, greedy: true }));
        parts.push([part, passage.rest]);
      }
      const half = '\ufffd';
      expect(parts).toEqual([
        ['日', half],
        ['本', half],
        ['語日', ''],
        ['本', half],
      ]);
    }
  });

  it('is shown where nobody can go on', async () => {
    const model = saying('日本語', bytes);
    expect(await piecesOf(model.generate('', { length: 4, greedy: true }))).toEqual([
      '日',
      '\ufffd',
    ]);
    const stopping = saying('no stop', bytes).generate('', { length: 5, stop: ['stop'] });
    expect(await textOf(stopping)).toBe('no st');
  });

  it('is kept for the next part where it may begin a stop text', async () => {
    const passage = saying('do not stop, stay', bytes).passage();
    const go = (length: number, stop: string[]) => textOf(passage.generate({ length, stop }));
    expect([await go(9, ['stop']), passage.rest]).toEqual(['do not ', 'st']);
    expect([await go(9, ['stop']), passage.rest]).toEqual(['', '']);
    expect(passage.made).toBe(11);
    expect([await go(4, ['stop']), passage.rest]).toEqual([', ', 'st']);
    // Another stop text, which has no such beginning.
    expect([await go(1, ['end']), passage.rest]).toEqual(['sta', '']);
  });

  it('is kept where a loop was left, or the text was aborted', async () => {
    const passage = saying('a stop b', bytes).passage();
    for await (const piece of passage.generate({ stop: [' stop'] })) {
      expect(piece).toBe('a');
      break;
    }
    const controller = new AbortController();
    const pieces = passage.generate({ stop: [' stop'], signal: controller.signal });
    controller.abort();
    expect([await textOf(pieces), passage.rest]).toEqual(['', '']);
    expect(await textOf(passage.generate({ length: 3, stop: [' stop'] }))).toBe('');
    expect(passage.rest).toBe(' st');
    expect(await textOf(passage.generate({ length: 4, stop: [' stop'] }))).toBe('');
    expect(await textOf(passage.generate({ length: 2 }))).toBe(' b');
  });

  it('is given where a document ends', async () => {
    const ids = [...bytes.encode('a st'), 0xe6, END, ...bytes.encode('op')];
    const passage = saying(ids, bytes).passage();
    const go = (length: number) => textOf(passage.generate({ length, stop: ['stop', '\ufffdop'] }));
    expect([await go(99), passage.made, passage.rest]).toEqual(['a st\ufffd', 6, '']);
    expect([await go(2), passage.rest]).toEqual(['op', '']);
  });

  it('is given up where another text comes after it', async () => {
    const passage = saying('a st', bytes).passage();
    await textOf(passage.generate({ length: 4, stop: ['stop'] }));
    passage.add('');
    expect(passage.rest).toBe('st');
    passage.add('X');
    expect(passage.rest).toBe('');
  });

  it('stays as it is where an option is refused', async () => {
    const passage = saying('a st', bytes).passage();
    await textOf(passage.generate({ length: 4, stop: ['stop'] }));
    await expect(textOf(passage.generate({ temperature: 0 }))).rejects.toThrow('temperature');
    expect(passage.rest).toBe('st');
  });
});

it.each(['char', 'word', 'bpe'] as const)(
  'ends texts of %s in lowercase at stop texts that are not',
  async (kind) => {
    const learning = { kind, lowercase: true, ...(kind === 'bpe' && { vocabularySize: 300 }) };
    const tokenizer = trainTokenizer('romeo and juliet: οδοσ\n', learning);
    for (const stop of ['AND', 'Juliet:', 'ΟΔΟΣ']) {
      const model = saying('romeo and juliet: οδοσ', tokenizer);
      const whole = 'romeo and juliet: οδοσ';
      const expected = whole.slice(0, whole.indexOf(stop.replaceAll('Σ', 'σ').toLowerCase()));
      expect(await textOf(model.generate('', { length: 99, stop: [stop] }))).toBe(expected);
    }
  },
);

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
