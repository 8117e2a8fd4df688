import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { ByteTokenizer } from '../data/byte-tokenizer.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { type GenerateOptions, generate } from '../generation/generate.ts';
import { Stepper } from '../model/stepper.ts';
import { Random } from '../random.ts';
import type { ServedModel } from './served-model.ts';
import { eventsIn, TinyServer, tinyModel } from './testing/tiny-server.ts';

const tokenizer = trainTokenizer('abcdef é\n', { kind: 'char' });
let model: ServedModel;
let server: TinyServer;

beforeAll(async () => {
  await useBackend('cpu');
  model = tinyModel(tokenizer);
  server = await TinyServer.start(model, { limits: { tokens: 1_000_000 } });
});

afterAll(() => server?.server.stop());

/** What `gru-lm sample` makes. */
function sampled(prompt: string, seed: number, options: Partial<GenerateOptions>): string {
  const { config, weights } = model;
  const all = { length: 20, temperature: 1, topK: 0, topP: 1, greedy: false, ...options };
  const pieces = generate(
    config,
    weights,
    tokenizer,
    tokenizer.encode(prompt),
    all,
    new Random(seed),
  );
  return Array.from(pieces, ({ text }) => text).join('');
}

describe('a completion', () => {
  it('has the form of OpenAI’s', async () => {
    const { status, headers, json } = await server.complete({
      ...{ model: 'tiny', prompt: 'ab', max_tokens: 5, seed: 3, temperature: 0.5 },
    });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    const { id, created, ...rest } = json();
    expect(id).toMatch(/^cmpl-[0-9a-f-]{36}$/);
    expect(Number.isInteger(created)).toBe(true);
    expect(rest).toEqual({
      object: 'text_completion',
      model: 'tiny',
      choices: [
        {
          index: 0,
          text: sampled('ab', 3, { length: 5, temperature: 0.5 }),
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 },
    });
  });

  it.each([
    [{}, {}],
    [
      { temperature: 0.7, top_p: 0.8 },
      { temperature: 0.7, topP: 0.8 },
    ],
    [{ temperature: 0 }, { greedy: true }],
    [
      { top_k: 2, min_p: 0.1 },
      { topK: 2, minP: 0.1 },
    ],
    [
      { typical_p: 0.5, repetition_penalty: 1.5 },
      { typical: 0.5, repetitionPenalty: 1.5 },
    ],
    [
      { logit_bias: { 0: -100, 2: 3.5 } },
      {
        bias: new Map([
          [0, -100],
          [2, 3.5],
        ]),
      },
    ],
    [{ stop: 'a' }, { stop: ['a'] }],
    [{ stop: ['bc', '\n', 'é'] }, { stop: ['bc', '\n', 'é'] }],
  ])('asked for %j is the text that sample makes', async (asked, options) => {
    for (const [prompt, seed] of [
      ['', 1],
      ['cab é', 2],
    ] as const) {
      const { json } = await server.complete({ prompt, seed, max_tokens: 20, ...asked });
      expect(json().choices[0].text).toBe(sampled(prompt, seed, options));
    }
  });

  it('ends at a stop text by “stop”, and takes 16 tokens where it is not told', async () => {
    const all = (await server.complete({ seed: 1 })).json();
    expect(all.choices[0].text).toHaveLength(16);
    const letter = all.choices[0].text[7];
    const cut = (await server.complete({ seed: 1, stop: [letter] })).json().choices[0];
    expect(cut.finish_reason).toBe('stop');
    expect(cut.text).toBe(all.choices[0].text.split(letter)[0]);
  });

  it('of several prompts, n times each, comes by prompt; seeds follow each other', async () => {
    const asked = { prompt: ['ab', 'c'], n: 3, seed: 5, max_tokens: 20 };
    const { choices, usage } = (await server.complete(asked)).json();
    expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    const expected = ['ab', 'c'].flatMap((prompt) => [5, 6, 7].map((i) => sampled(prompt, i, {})));
    expect(choices.map(({ text }: { text: string }) => text)).toEqual(expected);
    expect(usage).toEqual({ prompt_tokens: 3, completion_tokens: 120, total_tokens: 123 });
  });

  it('goes on from ids of tokens as from their text', async () => {
    const ids = [...tokenizer.encode('cab')];
    const asked = { seed: 1, max_tokens: 20 };
    for (const prompt of [ids, [ids], ['cab']]) {
      const { choices } = (await server.complete({ ...asked, prompt })).json();
      expect(choices[0].text).toBe(sampled('cab', 1, {}));
    }
  });

  it('with echo begins with the prompt', async () => {
    const asked = { prompt: 'ab', echo: true, seed: 1, max_tokens: 4 };
    const { choices } = (await server.complete(asked)).json();
    expect(choices[0].text).toBe(`ab${sampled('ab', 1, { length: 4 })}`);
  });

  it('with echo of ids that end within a character has it whole once', async () => {
    const bytes = await TinyServer.start(tinyModel(new ByteTokenizer()));
    const asked = { prompt: [0x61, 0xc3], echo: true, logit_bias: { 169: 100 } };
    const textOf = async (more: object) =>
      (await bytes.complete({ ...asked, ...more })).json().choices[0].text;
    try {
      expect(await textOf({ max_tokens: 1 })).toBe('aé');
      expect(await textOf({ max_tokens: 1, logprobs: 0 })).toBe('aé');
      expect(await textOf({ max_tokens: 0 })).toBe('a\ufffd');
    } finally {
      await bytes.server.stop();
    }
  });

  it('with logprobs tells of each token what the model says of it, and the likeliest', async () => {
    const asked = { prompt: 'ab', seed: 2, max_tokens: 6, logprobs: 3, temperature: 0.3 };
    const { text, logprobs } = (await server.complete(asked)).json().choices[0];
    expect(logprobs.tokens.join('')).toBe(text);
    expect(logprobs.text_offset).toEqual([0, 1, 2, 3, 4, 5]);
    const options = { length: 6, temperature: 0.3, topK: 0, topP: 1, greedy: false };
    const { config, weights } = model;
    const pieces = [
      ...generate(config, weights, tokenizer, tokenizer.encode('ab'), options, new Random(2)),
    ];
    expect(logprobs.token_logprobs).toEqual(pieces.map(({ nats = 0 }) => -nats));
    for (const [i, top] of logprobs.top_logprobs.entries()) {
      const values = Object.values(top as Record<string, number>);
      expect(values).toHaveLength(3);
      expect(values).toEqual([...values].sort((a, b) => b - a));
      const own = top[logprobs.tokens[i]];
      if (own !== undefined) expect(own).toBe(logprobs.token_logprobs[i]);
    }
    const zero = (await server.complete({ ...asked, logprobs: 0 })).json().choices[0].logprobs;
    expect(zero.top_logprobs).toEqual([{}, {}, {}, {}, {}, {}]);
  });
});

/** What the model says after each token of a text, which it reads one at a time. */
function scoresOf(prompt: string): Float32Array[] {
  const stepper = new Stepper(model.config, model.weights);
  const scores = Array.from(tokenizer.encode(prompt), (id) => stepper.read(Int32Array.of(id)));
  stepper.dispose();
  return scores;
}

describe('a completion with echo and logprobs', () => {
  const prompt = 'cab é\ndef';

  it('tells of the prompt’s tokens, of which the first came after nothing', async () => {
    const asked = { prompt, echo: true, logprobs: 2, max_tokens: 0 };
    const { choices, usage } = (await server.complete(asked)).json();
    const { text, logprobs, finish_reason: reason } = choices[0];
    expect([text, reason, choices.length]).toEqual([prompt, 'length', 1]);
    expect(usage).toEqual({ prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 });
    expect(logprobs.tokens).toEqual([...prompt]);
    expect(logprobs.text_offset).toEqual([...prompt].map((_, i) => i));
    const ids = [...tokenizer.encode(prompt)];
    const scores = scoresOf(prompt);
    expect([logprobs.token_logprobs[0], logprobs.top_logprobs[0]]).toEqual([null, null]);
    for (const [i, id] of ids.entries()) {
      if (i === 0) continue;
      const before = scores[i - 1]!;
      expect(logprobs.token_logprobs[i]).toBeCloseTo(before[id]!, 5);
      const top = Object.values(logprobs.top_logprobs[i] as Record<string, number>);
      expect(top).toHaveLength(2);
      expect(top[0]).toBeCloseTo(Math.max(...before), 5);
    }
  });

  it('goes on with the tokens that it makes, as without', async () => {
    const asked = { prompt, seed: 3, max_tokens: 6, n: 2, logprobs: 1 };
    const without = (await server.complete(asked)).json();
    const { choices } = (await server.complete({ ...asked, echo: true })).json();
    for (const [i, { text, logprobs }] of choices.entries()) {
      const other = without.choices[i];
      expect(text).toBe(prompt + other.text);
      expect(logprobs.tokens.join('')).toBe(text);
      expect(logprobs.text_offset).toEqual([...text].map((_, place) => place));
      expect(logprobs.token_logprobs.slice(9)).toEqual(other.logprobs.token_logprobs);
      expect(logprobs.top_logprobs.slice(9)).toEqual(other.logprobs.top_logprobs);
    }
  });

  it('comes the same streamed, and of a prompt that is read in parts', async () => {
    const long = 'abc def\n'.repeat(66);
    const asked = { prompt: [long, 'é'], seed: 3, max_tokens: 2, logprobs: 0, echo: true };
    const { choices } = (await server.complete(asked)).json();
    const events = eventsIn((await server.complete({ ...asked, stream: true })).text);
    for (const { index, text, logprobs } of choices) {
      const parts = events.map((event) => event.choices[0]).filter((part) => part.index === index);
      expect(parts.map((part) => part.text).join('')).toBe(text);
      for (const key of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset']) {
        expect(parts.flatMap((part) => part.logprobs[key])).toEqual(logprobs[key]);
      }
    }
    const scores = scoresOf(long);
    const ids = [...tokenizer.encode(long)];
    for (const i of [1, 511, 512, 513, 527]) {
      expect(choices[0].logprobs.token_logprobs[i]).toBeCloseTo(scores[i - 1]![ids[i]!]!, 4);
    }
    expect(choices[0].logprobs.tokens).toHaveLength(530);
  });

  it('has nothing to tell of an empty prompt, and no text without tokens to make', async () => {
    const asked = { prompt: '', echo: true, logprobs: 1, seed: 1 };
    const { text, logprobs } = (await server.complete({ ...asked, max_tokens: 2 })).json()
      .choices[0];
    expect(text).toBe(sampled('', 1, { length: 2 }));
    expect(logprobs.token_logprobs).toHaveLength(2);
    expect(logprobs.token_logprobs).not.toContain(null);
    const none = (await server.complete({ ...asked, max_tokens: 0 })).json().choices[0];
    expect(none).toMatchObject({ text: '', finish_reason: 'length', logprobs: { tokens: [] } });
    const plain = (
      await server.complete({ prompt: ['ab', 'c'], echo: true, max_tokens: 0 })
    ).json();
    expect(plain.choices.map(({ text: each }: { text: string }) => each)).toEqual(['ab', 'c']);
  });
});

describe('a streamed completion', () => {
  it('comes in events of the same form, and ends with [DONE]', async () => {
    const asked = { prompt: ['ab', 'c'], n: 2, seed: 5, max_tokens: 9, logprobs: 1 };
    const { headers, text } = await server.complete({ ...asked, stream: true });
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(text.endsWith('\n\ndata: [DONE]\n\n')).toBe(true);
    const whole = (await server.complete(asked)).json();
    const events = eventsIn(text);
    const { id, created } = events[0];
    for (const event of events) {
      expect(event).toMatchObject({ id, created, object: 'text_completion', model: 'tiny' });
      expect(Object.keys(event.choices[0])).toEqual(['index', 'text', 'logprobs', 'finish_reason']);
    }
    for (const { index, text: all, logprobs, finish_reason: reason } of whole.choices) {
      const parts = events.map(({ choices }) => choices[0]).filter((part) => part.index === index);
      expect(parts.map((part) => part.text).join('')).toBe(all);
      expect(parts.flatMap((part) => part.logprobs.tokens)).toEqual(logprobs.tokens);
      expect(parts.flatMap((part) => part.logprobs.text_offset)).toEqual(logprobs.text_offset);
      expect(parts.map((part) => part.finish_reason)).toEqual([
        ...parts.slice(1).map(() => null),
        reason,
      ]);
    }
  });

  it('tells its usage at the end where that is asked for', async () => {
    const asked = { prompt: 'ab', max_tokens: 3, stream: true };
    const { text } = await server.complete({ ...asked, stream_options: { include_usage: true } });
    const events = eventsIn(text);
    const usage = { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 };
    expect(events.at(-1)).toMatchObject({ choices: [], usage });
    expect(events.slice(0, -1).every((event) => event.usage === null)).toBe(true);
    expect(eventsIn((await server.complete(asked)).text)[0]).not.toHaveProperty('usage');
  });

  it('shows no beginning of a stop text before it is known to be none', async () => {
    const all = sampled('', 1, { length: 12 });
    const stop = all.slice(5, 9);
    const asked = { seed: 1, max_tokens: 12, stop, stream: true, logprobs: 0 };
    const parts = eventsIn((await server.complete(asked)).text).map(({ choices }) => choices[0]);
    const text = parts.map((part) => part.text).join('');
    expect(text).toBe(all.slice(0, all.indexOf(stop)));
    expect(parts.flatMap((part) => part.logprobs.tokens).join('')).toBe(text);
    expect(parts.at(-1).finish_reason).toBe('stop');
  });

  it('stops to be made when its client leaves', async () => {
    const stream = await server.stream('/v1/completions', { max_tokens: 1_000_000, stream: true });
    expect(await stream.next()).toContain('"text_completion"');
    expect(await server.load()).toEqual({ running: 1, waiting: 0 });
    stream.close();
    await vi.waitFor(async () => expect(await server.load()).toEqual({ running: 0, waiting: 0 }));
    expect(server.answered.find(({ isCut }) => isCut)).toMatchObject({
      ...{ method: 'POST', path: '/v1/completions', bug: undefined },
    });
  });

  it('comes side by side with others, and holds none of them up', async () => {
    const long = await server.stream('/v1/completions', { max_tokens: 1_000_000, stream: true });
    await long.next();
    const { json } = await server.complete({ prompt: 'ab', seed: 4, max_tokens: 20 });
    expect(json().choices[0].text).toBe(sampled('ab', 4, {}));
    expect((await server.load()).running).toBe(1);
    long.close();
  });
});

describe('what is asked for wrongly', () => {
  it.each([
    [
      { model: 'gpt-4' },
      404,
      'model',
      'model: expected "tiny", the model that is served, found "gpt-4"',
    ],
    [{ prompt: 7 }, 400, 'prompt', 'prompt: expected a text or a list of texts, found 7'],
    [{ prompt: {} }, 400, 'prompt', 'prompt: expected a text or a list of texts, found an object'],
    [{ prompt: [] }, 400, 'prompt', 'prompt: expected a text or a list of texts, found []'],
    [
      { prompt: ['a', 1] },
      400,
      'prompt',
      'prompt: expected a text or a list of texts, found ["a",1]',
    ],
    [{ prompt: [99] }, 400, 'prompt', 'prompt: expected ids of tokens, from 0 to 9, found 99'],
    [{ prompt: [0.5] }, 400, 'prompt', 'prompt: expected ids of tokens, from 0 to 9, found 0.5'],
    [
      { prompt: 'abz' },
      400,
      'prompt',
      'prompt: expected characters that the model knows, found "z" at line 1, column 3',
    ],
    [
      { prompt: '\ud800' },
      400,
      'prompt',
      'prompt: expected whole characters, found half of one (a lone surrogate)',
    ],
    [
      { prompt: Array(65).fill('a') },
      400,
      'prompt',
      'prompt: expected at most 64 prompts, found 65',
    ],
    [{ prompt: ['a', 'b'], n: 33 }, 400, 'prompt', 'prompt: expected at most 1 prompts, found 2'],
    [
      { prompt: 'a'.repeat(16_385) },
      400,
      'prompt',
      'prompt: expected at most 16384 tokens, found 16385',
    ],
    [
      { max_tokens: -1 },
      400,
      'max_tokens',
      'max_tokens: expected a whole number at least 0 and at most 1000000, found -1',
    ],
    [
      { max_tokens: 1e9 },
      400,
      'max_tokens',
      'max_tokens: expected a whole number at least 0 and at most 1000000, found 1000000000',
    ],
    [
      { max_tokens: '5' },
      400,
      'max_tokens',
      'max_tokens: expected a whole number at least 0 and at most 1000000, found "5"',
    ],
    [
      { temperature: -1 },
      400,
      'temperature',
      'temperature: expected a number at least 0, found -1',
    ],
    [
      { temperature: [1] },
      400,
      'temperature',
      'temperature: expected a number at least 0, found [1]',
    ],
    [{ top_p: 0 }, 400, 'top_p', 'top_p: expected a number above 0 and at most 1, found 0'],
    [{ n: 65 }, 400, 'n', 'n: expected a whole number at least 1 and at most 64, found 65'],
    [
      { seed: 2 ** 53 },
      400,
      'seed',
      'seed: expected a whole number at least 0 and at most 4503599627370496, found 9007199254740992',
    ],
    [
      { stop: '' },
      400,
      'stop',
      'stop: expected a text, or several, of 1 to 256 characters, found ""',
    ],
    [
      { stop: [1] },
      400,
      'stop',
      'stop: expected a text, or several, of 1 to 256 characters, found 1',
    ],
    [{ stop: Array(17).fill('a') }, 400, 'stop', 'stop: expected at most 16 texts, found 17'],
    [
      { logprobs: true },
      400,
      'logprobs',
      'logprobs: expected a whole number at least 0 and at most 20, found true',
    ],
    [{ logit_bias: [1] }, 400, 'logit_bias', 'logit_bias: expected an object, found [1]'],
    [
      { logit_bias: { a: 1 } },
      400,
      'logit_bias',
      'logit_bias: expected ids of tokens, from 0 to 9, found "a"',
    ],
    [
      { logit_bias: { 1: 101 } },
      400,
      'logit_bias',
      'logit_bias: expected numbers from −100 to 100, found 101',
    ],
    [{ stream: 'yes' }, 400, 'stream', 'stream: expected true or false, found "yes"'],
    [
      { stream_options: { include_usage: true } },
      400,
      'stream_options',
      'stream_options: expected {"include_usage": true} beside "stream": true, found an object',
    ],
    [
      { presence_penalty: 0.5 },
      400,
      'presence_penalty',
      'presence_penalty: expected 0, found 0.5: use repetition_penalty, which raises probabilities of recent tokens to a power',
    ],
    [
      { frequency_penalty: 2 },
      400,
      'frequency_penalty',
      'frequency_penalty: expected 0, found 2: use repetition_penalty, which raises probabilities of recent tokens to a power',
    ],
    [
      { best_of: 3 },
      400,
      'best_of',
      'best_of: expected 1, found 3: as many texts are made as n asks for',
    ],
    [
      { suffix: 'x' },
      400,
      'suffix',
      'suffix: expected "", found "x": the model only knows what comes before',
    ],
    [
      { echo: true, logprobs: 0, n: 64, prompt: 'a'.repeat(16_000) },
      400,
      'logprobs',
      'logprobs: expected at most 1016384 tokens to tell of, found 1024128: ask for fewer at a time, or for a stream',
    ],
    [
      { temprature: 1 },
      400,
      'temprature',
      'body: expected fields that are known, found "temprature"',
    ],
  ])('%j is refused in OpenAI’s form', async (asked, status, param, message) => {
    const reply = await server.complete({ max_tokens: 2, ...asked });
    expect(reply.json()).toEqual({
      error: {
        ...{ message, type: 'invalid_request_error', param },
        code: status === 404 ? 'model_not_found' : null,
      },
    });
    expect(reply.status).toBe(status);
  });

  it('is more to tell of than a text can have with its prompt, unless it is told as it is made', async () => {
    const small = await TinyServer.start(model, { limits: { promptTokens: 6, tokens: 4 } });
    const statusOf = async (asked: object) =>
      (await small.complete({ max_tokens: 4, logprobs: 2, ...asked })).status;
    try {
      for (const [asked, status] of [
        [{ n: 2 }, 200],
        [{ n: 3 }, 400],
        [{ n: 3, best_of: 3 }, 400],
        [{ n: 3, logprobs: 0 }, 400],
        [{ n: 3, logprobs: undefined }, 200],
        [{ n: 3, stream: true }, 200],
        [{ prompt: ['a', 'b', 'c'] }, 400],
        [{ prompt: 'abcdef', echo: true }, 200],
        [{ prompt: 'ab', echo: true, n: 2 }, 400],
        [{ prompt: 'ab', echo: true, n: 2, max_tokens: 3 }, 200],
        [{ prompt: 'abcde', echo: true, n: 2, stream: true }, 200],
        [{ prompt: 'abcdef', echo: true, n: 2, stream: true }, 400],
      ] as const) {
        expect(await statusOf(asked), JSON.stringify(asked)).toBe(status);
      }
    } finally {
      await small.server.stop();
    }
  });

  it('what asks for nothing is taken', async () => {
    const asked = { max_tokens: 2, presence_penalty: 0, frequency_penalty: 0, best_of: 1 };
    const more = { suffix: null, user: 'someone', stop: null, logprobs: null, stream: false };
    expect((await server.complete({ ...asked, ...more })).status).toBe(200);
  });
});

describe('the models', () => {
  it('are listed, and found by name', async () => {
    const tiny = { id: 'tiny', object: 'model', created: 1_700_000, owned_by: 'gru-lm' };
    expect((await server.ask('/v1/models')).json()).toEqual({ object: 'list', data: [tiny] });
    expect((await server.ask('/v1/models/tiny')).json()).toEqual(tiny);
    expect((await server.ask('/v1/models/%74iny')).json()).toEqual(tiny);
    for (const other of ['gpt-4', '%', '']) {
      const { status, json } = await server.ask(`/v1/models/${other}`);
      expect(status).toBe(404);
      expect(json().error.code).toBe('model_not_found');
    }
  });
});
