import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { sampleOptions } from '../config/sample.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { TokenChooser } from '../generation/choose-token.ts';
import { Passage } from '../generation/passage.ts';
import { choiceOf } from '../generation/sample-choice.ts';
import { afterPrompt } from '../generation/text-model.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { Random } from '../random.ts';
import type { ServedModel } from './served-model.ts';
import { linesIn, TinyServer, tinyModel } from './testing/tiny-server.ts';

const tokenizer = trainTokenizer('the quick fox the dog\n', { kind: 'word' });
let model: ServedModel;
let server: TinyServer;

beforeAll(async () => {
  await useBackend('cpu');
  model = tinyModel(tokenizer);
  server = await TinyServer.start(model, { limits: { tokens: 100 } });
});

afterAll(() => server?.server.stop());

/** What the command would make with the same options. */
function sampled(prompt: string, given: GivenOptions<typeof sampleOptions>) {
  const options = withDefaults(sampleOptions, given);
  const passage = new Passage(model, afterPrompt(tokenizer, tokenizer.encode(prompt)));
  const chooser = new TokenChooser(choiceOf(options, tokenizer), tokenizer.unknownId);
  const pieces = [...passage.go(chooser, options, new Random(options.seed ?? 0))];
  passage.dispose();
  return pieces;
}

describe('a text, token by token', () => {
  it.each([
    { length: 20 },
    { length: 20, temperature: 1.3, topK: 3, topP: 0.9, minP: 0.05 },
    { length: 20, typical: 0.6, repetitionPenalty: 1.4, repetitionWindow: 3 },
    { length: 20, logitBias: ['the=2', '<eol>=-1.5'], ban: ['fox'] },
    { length: 20, greedy: true },
    { length: 20, stop: ['fox', 'k d'] },
  ])('with %j is that of sample, with its nats', async (options) => {
    for (const [prompt, seed] of [
      ['', 1],
      ['the dog', 2],
    ] as const) {
      const { status, headers, text } = await server.ask('/api/generate', {
        body: { prompt, seed, ...options },
      });
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('application/x-ndjson');
      const [start, ...rest] = linesIn(text);
      const end = rest.pop();
      const pieces = sampled(prompt, { seed, ...options });
      const made = pieces.filter(({ id }) => id !== undefined);
      expect(start).toMatchObject({ event: 'start', model: 'tiny', seed, unknown: null });
      expect(rest.map((token) => token.text).join('') + end.text).toBe(
        pieces.map((piece) => piece.text).join(''),
      );
      expect(rest.map((token) => token.nats)).toEqual(
        made.slice(0, rest.length).map(({ nats }) => nats),
      );
      const nats = made.reduce((sum, piece) => sum + (piece.nats ?? 0), 0);
      expect(end).toMatchObject({ event: 'end', tokens: made.length, seed });
      expect(end.natsPerToken).toBeCloseTo(nats / made.length, 10);
    }
  });

  it('tells the likeliest in place of each, by the model itself', async () => {
    const body = { seed: 3, length: 12, temperature: 0.01, topK: 1, alternatives: 4 };
    const lines = linesIn((await server.ask('/api/generate', { body })).text);
    for (const { id, token, nats, alternatives } of lines.slice(1, -1)) {
      expect(token).toBe(tokenizer.token(id));
      expect(alternatives).toHaveLength(4);
      const probabilities = alternatives.map((each: { probability: number }) => each.probability);
      expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
      expect(probabilities.reduce((sum: number, each: number) => sum + each, 0)).toBeLessThan(
        1 + 1e-6,
      );
      const own = alternatives.find((each: { id: number }) => each.id === id);
      if (own) expect(own.probability).toBeCloseTo(Math.exp(-nats), 6);
    }
  });

  it('says which word it does not know', async () => {
    const { text } = await server.ask('/api/generate', { body: { prompt: 'the cat', length: 1 } });
    expect(linesIn(text)[0].unknown).toBe('cat');
  });

  it.each([
    [
      { length: 101 },
      'length',
      'length: expected a whole number at least 1 and at most 100, found 101',
    ],
    [{ temperature: 0 }, 'temperature', 'temperature: expected a number above 0, found 0'],
    [{ greedy: 1 }, 'greedy', 'greedy: expected true or false, found 1'],
    [{ minP: 2 }, 'minP', 'minP: expected a number at least 0 and at most 1, found 2'],
    [
      { repetitionWindow: 5000 },
      'repetitionWindow',
      'repetitionWindow: expected a whole number at least 1 and at most 4096, found 5000',
    ],
    [
      { ban: ['cat'] },
      'ban',
      'ban: expected a text that is one token, found "cat", which the model does not know, and so never makes',
    ],
    [{ ban: 'the' }, 'ban', 'ban: expected a list of texts, found "the"'],
    [
      { logitBias: ['the'] },
      'logitBias',
      'logitBias: expected a token and a number as in the=-1.5, found "the"',
    ],
    [{ ban: Array(1025).fill('the') }, 'ban', 'ban: expected at most 1024 tokens, found 1025'],
    [
      { alternatives: 21 },
      'alternatives',
      'alternatives: expected a whole number at least 0 and at most 20, found 21',
    ],
    [{ prompt: ['a'] }, 'prompt', 'prompt: expected a text, found ["a"]'],
    [{ top_k: 3 }, 'top_k', 'body: expected fields that are known, found "top_k"'],
  ])('%j is refused', async (body, param, message) => {
    const { status, json } = await server.ask('/api/generate', { body });
    expect(json().error).toEqual({ message, type: 'invalid_request_error', param, code: null });
    expect(status).toBe(400);
  });
});

describe('what is told of the model', () => {
  it('has the options of sample, with their defaults and ranges', async () => {
    const { options, levelStarts, ...rest } = (await server.ask('/api/model')).json();
    expect(rest).toEqual({
      ...{ model: 'tiny', step: 7, tokenizer: 'word', vocabularySize: tokenizer.vocabularySize },
      ...{ cell: 'gru', layers: 2, hiddenSize: 4 },
      limits: { tokens: 100, promptTokens: 16_384, alternatives: 20 },
    });
    expect(levelStarts).toEqual([0.5, 1, 2, 4, 8]);
    const find = (name: string) => options.find((each: { name: string }) => each.name === name);
    expect(find('length')).toMatchObject({ type: 'integer', min: 1, max: 100, default: 100 });
    expect(find('topP')).toMatchObject({ flag: 'top-p', above: 0, max: 1, default: 1 });
    expect(options.map((each: { name: string }) => each.name)).toEqual([
      ...['length', 'temperature', 'topK', 'topP', 'minP', 'typical', 'repetitionPenalty'],
      ...['repetitionWindow', 'greedy', 'seed', 'stop', 'logitBias', 'ban'],
    ]);
  });
});
