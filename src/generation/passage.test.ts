import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends, useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { Passage } from './passage.ts';
import { afterPrompt, type TextModel, type TextState } from './text-model.ts';

const tokenizers = {
  chars: trainTokenizer('ab\n', { kind: 'char' }),
  words: trainTokenizer('a aa ab b\n', { kind: 'word' }),
  bytes: trainTokenizer('', { kind: 'byte' }),
};
const choice: ChoiceOptions = { temperature: 1, topK: 0, topP: 1, greedy: false };

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

/** A state as a file would keep it. */
function throughJson({ memory, ...rest }: TextState): TextState {
  const copy = JSON.parse(JSON.stringify({ ...rest, memory: memory?.map((row) => [...row]) }));
  return { ...copy, memory: copy.memory?.map((row: number[]) => Float32Array.from(row)) };
}

interface Making {
  lengths: number[];
  options?: Partial<ChoiceOptions>;
  stop?: string[];
  seed?: number;
  prompt?: string;
}

/** The text that comes of going on for these lengths, each time from the state of the time before. */
function textOf(
  model: TextModel,
  { lengths, options, stop, seed = 1, prompt = '' }: Making,
): string {
  const chooser = new TokenChooser({ ...choice, ...options }, model.tokenizer.unknownId);
  let state = afterPrompt(model.tokenizer, model.tokenizer.encode(prompt));
  let random = new Random(seed);
  let text = '';
  for (const [i, length] of lengths.entries()) {
    const passage = new Passage(model, state);
    const atEnd = i === lengths.length - 1 ? 'show' : 'keep';
    for (const piece of passage.go(chooser, { length, stop }, random, atEnd)) text += piece.text;
    state = throughJson(passage.state());
    random = Random.fromState(JSON.parse(JSON.stringify(random.state())));
    passage.dispose();
  }
  return text;
}

describe.each(testBackends)('a passage on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each([
    {},
    { cell: 'lstm' as const },
    { attentionSpan: 3 },
    { gruVariant: 'reset-before' as const },
  ])(
    'gone on with from its saved state is the text that would have come at once, with %o',
    (of) => {
      const model = modelOf(tokenizers.chars, of);
      const whole = textOf(model, { lengths: [24], prompt: 'ab' });
      expect(whole).toHaveLength(24);
      expect(textOf(model, { lengths: [1, 10, 13], prompt: 'ab' })).toBe(whole);
    },
  );

  it('releases what it holds', () => {
    const model = modelOf(tokenizers.chars);
    textOf(model, { lengths: [5, 5] });
    const held = heldTensors();
    textOf(model, { lengths: [5, 5] });
    expect(heldTensors()).toEqual(held);
  });
});

describe('a text in parts', () => {
  beforeAll(() => useBackend('wasm'));

  it('is the same as at once: half characters, spaces, stop texts and repetitions carry over', () => {
    const models = Object.values(tokenizers).map((tokenizer) => modelOf(tokenizer));
    const stop = fc.array(fc.constantFrom('ab', 'b a', '\na', 'aaa', 'é', '\u0001'), {
      maxLength: 2,
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.integer({ min: 1, max: 29 }),
        fc.nat({ max: 99 }),
        stop,
        fc.constantFrom(1, 1.5),
        (model, first, seed, stops, repetitionPenalty) => {
          const making = { seed, stop: stops, options: { repetitionPenalty, repetitionWindow: 7 } };
          const whole = textOf(model, { ...making, lengths: [30] });
          const parts = textOf(model, { ...making, lengths: [first, 30 - first] });
          // Where the first part ended, by a stop text or the end of a document, another text comes after it.
          const unstopped = { ...making, stop: [] };
          const begun = textOf(model, { ...unstopped, lengths: [first] });
          const isEnded =
            stops.some((text) => begun.includes(text)) ||
            begun === textOf(model, { ...unstopped, lengths: [30] });
          expect(isEnded ? parts.slice(0, whole.length) : parts).toBe(whole);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('goes on after what is added to it, as a prompt of both would', () => {
    const model = modelOf(tokenizers.words);
    const chooser = new TokenChooser({ ...choice, greedy: true }, model.tokenizer.unknownId);
    const passage = new Passage(
      model,
      afterPrompt(model.tokenizer, model.tokenizer.encode('a ab')),
    );
    const made: number[] = [];
    const go = (length: number) => {
      let text = '';
      for (const piece of passage.go(chooser, { length }, new Random(1), 'keep')) {
        if (piece.id !== undefined) made.push(piece.id);
        text += piece.text;
      }
      return text;
    };
    go(3);
    const added = model.tokenizer.encode('b aa');
    passage.add(added);
    const text = go(4);
    const all = [...model.tokenizer.encode('a ab'), ...made.slice(0, 3), ...added];
    const again = new Passage(model, afterPrompt(model.tokenizer, all));
    const expected = [...again.go(chooser, { length: 4 }, new Random(1))];
    expect(text).toBe(expected.map((piece) => piece.text).join(''));
    expect(made.slice(3)).toEqual(expected.map(({ id }) => id));
    passage.dispose();
    again.dispose();
  });

  it('counts what was held back as before what is added to it', () => {
    const model = modelOf(tokenizers.chars);
    const chooser = new TokenChooser(choice, model.tokenizer.unknownId);
    const text = textOf(model, { lengths: [3] });
    const stop = [text + 'ab'.repeat(20)];
    const passage = new Passage(model);
    const made = [...passage.go(chooser, { length: 3, stop }, new Random(1), 'keep')];
    expect(made.map((piece) => piece.text).join('')).toBe('');
    passage.add(model.tokenizer.encode('ab'));
    expect(passage.held).toBe('');
    const next = [...passage.go(chooser, { length: 3, stop }, new Random(1))];
    expect(next.map((piece) => piece.text).join('')).toBe(
      model.tokenizer.decode(next.flatMap(({ id }) => id ?? [])),
    );
    passage.dispose();
  });

  it('stopped within a long prompt goes on where it was', () => {
    const model = modelOf(tokenizers.chars);
    const prompt = 'ab\nb'.repeat(700);
    const chooser = new TokenChooser(choice, model.tokenizer.unknownId);
    const passage = new Passage(
      model,
      afterPrompt(model.tokenizer, model.tokenizer.encode(prompt)),
    );
    expect(passage.go(chooser, { length: 5 }, new Random(1)).next().value).toEqual({ text: '' });
    expect(passage.state().unread).toHaveLength(2800 - 1024);
    const pieces = [...passage.go(chooser, { length: 5 }, new Random(1))];
    passage.dispose();
    expect(pieces.map(({ text }) => text).join('')).toBe(textOf(model, { prompt, lengths: [5] }));
  });
});
