import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  evaluate,
  type Sample,
  type SampleStreamEvent,
  sample,
  sampleStream,
  type TrainEvent,
  type TrainOptions,
  train,
} from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-library-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const corpus = join(directory, 'corpus.txt');
const TINY = {
  ...{ hiddenSize: 8, embeddingSize: 4, layers: 1, batchSize: 4, bptt: 8 },
  ...{ backend: 'wasm', sampleEvery: 0 },
} as const satisfies TrainOptions;
const run = join(directory, 'run');

/** All that is thrown at the console, and the listeners that a library has no business to add. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException', 'unhandledRejection'];
const listeners = () => SIGNALS.map((name) => process.listenerCount(name));
let before: number[];
let written: ReturnType<typeof vi.spyOn>[];

beforeEach(() => {
  before = listeners();
  written = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'));
});

afterEach(() => {
  for (const stream of written) expect(stream).not.toHaveBeenCalled();
  vi.restoreAllMocks();
  expect(listeners()).toEqual(before);
  expect(process.exitCode).toBeUndefined();
});

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

beforeAll(async () => {
  writeFileSync(corpus, 'the quick brown fox jumps over the lazy dog\n'.repeat(60));
  await all(train(corpus, { ...TINY, maxSteps: 20, evalEvery: 10, out: run }));
});

describe('train', () => {
  it('tells of a run as --json does, from start to end', async () => {
    const out = join(directory, 'events');
    const events = await all(train([corpus], { ...TINY, maxSteps: 4, out, patience: undefined }));
    expect(events.map(({ event }) => event)).toEqual([
      ...['start', 'step', 'step', 'step', 'step', 'eval', 'checkpoint', 'end'],
    ]);
    const start = events[0] as Extract<TrainEvent, { event: 'start' }>;
    expect(start).toMatchObject({ path: out, backend: 'wasm', resumedAtStep: null });
    expect(start.options).toMatchObject({ hiddenSize: 8, maxSteps: 4 });
    expect(events.at(-1)).toMatchObject({ event: 'end', step: 4, path: out });
  });

  it('begins when it is asked for its first event', () => {
    train(corpus, { ...TINY, maxSteps: 1, out: join(directory, 'never') });
    expect(readdirSync(directory)).not.toContain('never');
  });

  it('saves and ends when its signal aborts, and goes on from there', async () => {
    const out = join(directory, 'stopped');
    const controller = new AbortController();
    const kinds: string[] = [];
    const options = { ...TINY, maxSteps: 1000, evalEvery: 1000, out, signal: controller.signal };
    for await (const event of train(corpus, options)) {
      kinds.push(event.event);
      if (event.event === 'step' && event.step === 3) controller.abort();
    }
    expect(kinds.slice(-2)).toEqual(['checkpoint', 'stopped']);
    const [start] = await all(train(corpus, { out, resume: true, maxSteps: 4, backend: 'wasm' }));
    expect(start).toMatchObject({ event: 'start' });
    const { resumedAtStep } = start as Extract<TrainEvent, { event: 'start' }>;
    expect(resumedAtStep).toBeGreaterThanOrEqual(3);
  });

  it('saves where the loop is left', async () => {
    const out = join(directory, 'left');
    for await (const { event } of train(corpus, { ...TINY, maxSteps: 1000, out })) {
      if (event === 'step') break;
    }
    expect(readdirSync(out)).toContain('run.json');
    expect(readdirSync(out)).not.toContain('.lock');
  });

  it('throws the reason of a signal that has aborted, and does nothing', async () => {
    const signal = AbortSignal.abort(new Error('not now'));
    const out = join(directory, 'aborted');
    await expect(all(train(corpus, { ...TINY, out, signal }))).rejects.toThrow('not now');
    expect(readdirSync(directory)).not.toContain('aborted');
  });

  it.each([
    [
      { hiden: 8 },
      'options: expected the name of an option, found "hiden"',
      'Did you mean hidden?',
    ],
    [{ json: true }, 'options: expected the name of an option, found "json"', undefined],
    [{ cell: 'grue' }, 'options: expected cell to be one of gru,', 'Did you mean "gru"?'],
    [
      { maxSteps: 1.5 },
      'options: expected maxSteps to be a whole number at least 1, found 1.5',
      undefined,
    ],
  ])('refuses %j, as the command line would', async (options, message, hint) => {
    const error = await all(train(corpus, options as TrainOptions)).catch((reason) => reason);
    expect(error).toMatchObject({ name: 'UserError', code: 'usage' });
    expect(error.message.slice(0, message.length)).toBe(message);
    if (hint) expect(error.hint).toBe(hint);
  });

  it('throws what a run ends with', async () => {
    const error = await all(train(join(directory, 'none.txt'))).catch((reason) => reason);
    expect(error).toMatchObject({ name: 'UserError' });
    expect(error.message).toMatch(/expected a text file, found nothing at .*none\.txt/);
  });
});

describe('sample', () => {
  it('gives texts as they are made, the same for the same seed, and leaves no tensor behind', async () => {
    const options = { prompt: 'the ', length: 12, samples: 3, seed: 7, backend: 'wasm' } as const;
    const first = await all(sample(run, options));
    expect(first.map(({ prompt, tokens, seed }) => [prompt, tokens, seed])).toEqual([
      ...[
        ['the ', 12, 7],
        ['the ', 12, 8],
        ['the ', 12, 9],
      ],
    ]);
    const { numTensors } = tf.memory();
    const second = await all(sample(run, options));
    expect(second.map(({ text }) => text)).toEqual(first.map(({ text }) => text));
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('gives what there is of each text that has begun when its signal aborts', async () => {
    const stop = new AbortController();
    const asked = { prompt: 'the ', samples: 40, seed: 7, stop: ['q'], backend: TINY.backend };
    const whole = await all(sample(run, asked));
    const made: Sample[] = [];
    for await (const text of sample(run, { ...asked, signal: stop.signal })) {
      made.push(text);
      stop.abort();
    }
    expect(made.map(({ seed }) => seed)).toEqual(whole.map(({ seed }) => seed));
    for (const [i, { text }] of made.entries()) {
      expect(text).toBe(whole[i]!.text.slice(0, text.length));
    }
    expect(made.some(({ text }, i) => text.length < whole[i]!.text.length)).toBe(true);
  });

  it('says on no console what is to be said, but to who listens', async () => {
    const words = join(directory, 'words');
    await all(train(corpus, { ...TINY, tokenizer: 'word', maxSteps: 1, out: words }));
    const notices: string[] = [];
    const onNotice = (message: string) => notices.push(message);
    await all(sample(words, { prompt: 'unheard', length: 2, backend: 'wasm', onNotice }));
    expect(notices).toEqual([
      '"unheard" (line 1, column 1 of the prompt) is read as <unk>: the model does not know it',
    ]);
  });
});

describe('sampleStream', () => {
  const options = { prompt: 'the ', length: 12, seed: 7, backend: 'wasm' } as const;

  it('gives the pieces of the texts that sample gives, and these', async () => {
    const asked = { ...options, samples: 2, stop: ['q'] };
    const whole = await all(sample(run, asked));
    const events = await all(sampleStream(run, asked));
    const kinds = events.map(({ event }) => event);
    expect(kinds.filter((kind) => kind !== 'piece')).toEqual(['start', 'end', 'start', 'end']);
    const texts: SampleStreamEvent[][] = [];
    for (const event of events) {
      if (event.event === 'start') texts.push([]);
      texts.at(-1)?.push(event);
    }
    for (const [i, [start, ...rest]] of texts.entries()) {
      const end = rest.pop() as Extract<SampleStreamEvent, { event: 'end' }>;
      expect(start).toEqual({ event: 'start', prompt: 'the ' });
      const { tokensPerSecond: _, ...made } = whole[i]!;
      expect(end).toMatchObject({ ...made, event: 'end', natsPerToken: expect.any(Number) });
      const pieces = rest as Extract<SampleStreamEvent, { event: 'piece' }>[];
      expect(pieces.map(({ text }) => text).join('')).toBe(made.text);
      const scored = pieces.filter(({ id }) => id !== undefined);
      expect(scored).toHaveLength(made.tokens);
      const nats = scored.reduce((sum, piece) => sum + piece.nats!, 0);
      expect(nats / made.tokens).toBeCloseTo(made.natsPerToken!, 6);
    }
  });

  it('gives a token when it is made, and ends where a signal stops it', async () => {
    const stop = new AbortController();
    const events: SampleStreamEvent[] = [];
    const asked = { ...options, length: 100_000, signal: stop.signal };
    for await (const event of sampleStream(run, asked)) {
      events.push(event);
      if (events.length === 6) stop.abort();
    }
    expect(events.length).toBeLessThan(50);
    expect(events.at(-1)).toMatchObject({ event: 'end', prompt: 'the ', seed: 7 });
  });

  it('stopped by a signal saves where it is, and goes on as if it had not stopped', async () => {
    const [stop, saveState] = [new AbortController(), join(directory, 'state')];
    let first = '';
    let events = 0;
    const asked = { ...options, length: 100_000, saveState, signal: stop.signal };
    for await (const event of sampleStream(run, asked)) {
      if (event.event === 'end') first = event.text;
      if (++events === 6) stop.abort();
    }
    const [rest] = await all(sample(run, { continue: saveState, length: 12, backend: 'wasm' }));
    const [whole] = await all(sample(run, { ...options, length: first.length + 12 }));
    expect(first + rest!.text).toBe(whole!.text);
  });

  it('stopped by a signal gives what it held back', async () => {
    const stop = new AbortController();
    const [whole] = await all(sample(run, { ...options, length: 100 }));
    let [text, end, events] = ['', '', 0];
    const asked = { ...options, length: 100_000, stop: [`${whole!.text}no such text`] };
    for await (const event of sampleStream(run, { ...asked, signal: stop.signal })) {
      if (event.event === 'end') end = event.text;
      else if (event.event === 'piece') text += event.text;
      if (++events === 6) stop.abort();
    }
    expect(end.length).toBeGreaterThan(4);
    expect(text).toBe(end);
    expect(whole!.text.slice(0, end.length)).toBe(end);
  });

  it('gives no pieces of beams, which are known when all are made', async () => {
    const asked = { prompt: 'the ', length: 4, beam: 2, samples: 2, backend: 'wasm' } as const;
    const events = await all(sampleStream(run, asked));
    expect(events.map(({ event }) => event)).toEqual(['start', 'end', 'start', 'end']);
  });

  it('stops when it is left, and leaves no tensor behind', async () => {
    const { numTensors } = tf.memory();
    for await (const { event } of sampleStream(run, { ...options, length: 100_000 })) {
      if (event === 'piece') break;
    }
    expect(tf.memory().numTensors).toBe(numTensors);
    const reason = new Error('enough');
    const asked = { ...options, signal: AbortSignal.abort(reason) };
    await expect(all(sampleStream(run, asked))).rejects.toBe(reason);
  });
});

describe('evaluate', () => {
  it('gives the figures of the held-out text, and leaves no tensor behind', async () => {
    const first = await evaluate(run, { backend: 'wasm' });
    expect(first).toMatchObject({ split: 'valid', streams: 1 });
    expect(first.perplexity).toBeCloseTo(Math.exp(first.natsPerToken!), 8);
    const { numTensors } = tf.memory();
    expect(await evaluate(run, { backend: 'wasm' })).toEqual(first);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('gives those of each of several texts, and of a baseline', async () => {
    const other = join(directory, 'other.txt');
    writeFileSync(other, 'the lazy fox\n'.repeat(9));
    const text = [corpus, other];
    const result = await evaluate(run, { backend: 'wasm', text, baseline: 'ngram:2' });
    expect(result.texts?.map((each) => each.text)).toEqual(text);
    expect(result.baseline).toMatchObject({ order: 2 });
  });

  it('takes turns with calls that were made before it', async () => {
    const kinds: string[] = [];
    const out = join(directory, 'turns');
    const training = all(train(corpus, { ...TINY, maxSteps: 2, out })).then(() =>
      kinds.push('train'),
    );
    const scoring = evaluate(run, { backend: 'wasm' }).then(() => kinds.push('evaluate'));
    await Promise.all([training, scoring]);
    expect(kinds).toEqual(['train', 'evaluate']);
  });
});
