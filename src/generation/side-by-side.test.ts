import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { generate } from './generate.ts';
import { generateSideBySide, type MadeText, streamsFor, type TextJob } from './side-by-side.ts';
import { afterPrompt, type TextModel } from './text-model.ts';

const chars = trainTokenizer('ab\n', { kind: 'char' });
const documents = trainTokenizer('ab', { kind: 'char', endOfText: true });
const bytes = trainTokenizer('', { kind: 'byte' });
const choice: ChoiceOptions = {
  ...{ temperature: 1, topK: 0, topP: 1, greedy: false },
  ...{ repetitionPenalty: 1.3, repetitionWindow: 5, minP: 0.01 },
};

function modelOf(tokenizer: Tokenizer, more: Partial<TextModel['config']> = {}): TextModel {
  const config = {
    ...{ vocabularySize: tokenizer.vocabularySize, embeddingSize: 3, hiddenSize: 4, layers: 2 },
    ...{ gruVariant: 'reset-after' as const, dropout: 0 },
    ...more,
  };
  const parameters = initialParameters(config, new Random(1));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return { config, tokenizer, weights: weightsOf(parameters) };
}

const PROMPTS = ['', 'ab', 'ba', 'bbabbab'];
const EACH = 3;

function jobsOf({ tokenizer }: TextModel, prompts: string[]): TextJob[] {
  return prompts.flatMap((prompt) => {
    const start = afterPrompt(tokenizer, tokenizer.encode(prompt));
    return Array.from({ length: EACH }, (_, i) => ({ start, random: new Random(i) }));
  });
}

function makeAll(
  model: TextModel,
  prompts: string[],
  length: number,
  streams: number,
  stop?: string[],
) {
  const chooser = new TokenChooser(choice, model.tokenizer.unknownId);
  const steps = generateSideBySide(
    model,
    jobsOf(model, prompts),
    chooser,
    { length, stop },
    streams,
  );
  const made: MadeText[] = [];
  for (const some of steps) made.push(...some);
  return made.sort((a, b) => a.index - b.index);
}

/** The same, one after the other. */
function makeAlone(model: TextModel, prompts: string[], length: number, stop?: string[]) {
  const { config, weights, tokenizer } = model;
  return prompts.flatMap((prompt) =>
    Array.from({ length: EACH }, (_, i) => {
      const ids = tokenizer.encode(prompt);
      const options = { ...choice, length, stop };
      const pieces = [...generate(config, weights, tokenizer, ids, options, new Random(i))];
      return {
        text: pieces.map(({ text }) => text).join(''),
        ids: pieces.flatMap(({ id }) => id ?? []),
        nats: pieces.reduce((sum, { nats = 0 }) => sum + nats, 0),
      };
    }),
  );
}

describe.each(testBackends)('texts side by side on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each([
    [chars, {}],
    [documents, {}],
    [bytes, {}],
    [chars, { cell: 'lstm' as const }],
    [documents, { attentionSpan: 2 }],
  ])('are those that each would be alone, case %#', (tokenizer, more) => {
    const model = modelOf(tokenizer, more);
    const expected = makeAlone(model, PROMPTS, 20, ['abba']);
    const held = heldTensors();
    for (const streams of [1, 5, 99]) {
      const made = makeAll(model, PROMPTS, 20, streams, ['abba']);
      expect(made.map(({ index }) => index)).toEqual([...expected.keys()]);
      for (const [i, { text, ids, nats }] of made.entries()) {
        expect({ text, ids }).toEqual({ text: expected[i]!.text, ids: expected[i]!.ids });
        expect(nats).toBeCloseTo(expected[i]!.nats, 3);
      }
    }
    expect(heldTensors()).toEqual(held);
  });
});

describe('side by side', () => {
  beforeAll(() => useBackend('wasm'));

  it('there are texts of one token, and none of no job', () => {
    const model = modelOf(chars);
    expect(makeAll(model, ['ab'], 1, 2).map(({ ids }) => ids.length)).toEqual([1, 1, 1]);
    expect(makeAll(model, [], 9, 2)).toEqual([]);
  });

  it('releases what it holds when it is left early', () => {
    const model = modelOf(chars);
    const held = heldTensors();
    const chooser = new TokenChooser(choice);
    for (const _ of generateSideBySide(model, jobsOf(model, ['a']), chooser, { length: 9 }, 2))
      break;
    expect(heldTensors()).toEqual(held);
  });

  it('releases what it holds when it is left within a long prompt', () => {
    const model = modelOf(chars);
    const held = heldTensors();
    const chooser = new TokenChooser(choice);
    const jobs = jobsOf(model, ['ab'.repeat(1000)]);
    for (const made of generateSideBySide(model, jobs, chooser, { length: 9 }, 2)) {
      expect(made).toEqual([]);
      break;
    }
    expect(heldTensors()).toEqual(held);
  });

  it('each text is given as it is when a signal aborts', () => {
    const model = modelOf(chars);
    const [held, controller] = [heldTensors(), new AbortController()];
    const { signal } = controller;
    const chooser = new TokenChooser(choice, model.tokenizer.unknownId);
    const whole = makeAlone(model, ['a', 'b'], 9);
    // What is held back since it may begin that is part of what there is.
    const stop = [`${whole[0]!.text.slice(2, 5)}no such text`];
    const made: MadeText[] = [];
    let steps = 0;
    const jobs = jobsOf(model, ['a', 'b']);
    for (const some of generateSideBySide(model, jobs, chooser, { length: 9, stop }, 4, signal)) {
      made.push(...some);
      if (++steps === 5) controller.abort();
    }
    expect(steps).toBe(6);
    expect(made.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    for (const [i, { text, ids }] of made.entries()) {
      expect(ids).toEqual(whole[i]!.ids.slice(0, 5));
      expect(text).toBe(whole[i]!.text.slice(0, 5));
    }
    expect(heldTensors()).toEqual(held);
  });

  it('there are fewer at a time of a large vocabulary', () => {
    expect([4, 65, 100_000, 10_000_000].map(streamsFor)).toEqual([256, 256, 41, 1]);
  });
});
