import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { UserError } from '../errors.ts';
import { trainRun } from './run.ts';
import type { RunEvent } from './run-events.ts';
import type { RunConfig, RunStore } from './run-options.ts';
import { nonFiniteTensor, type RunSnapshot } from './run-snapshot.ts';
import { configOf, data, eventsOf, lastOf, ofType, outline, stored } from './testing/small-run.ts';

/** A token that the text does not have. */
const UNKNOWN = data.tokenizer.encode('z')[0]!;

beforeAll(() => useBackend('wasm'));

/** Diverges in its second step on wasm, whose products overflow, unless the rate is below 1e21. */
const wild = (learningRate: number, overrides: Partial<RunConfig> = {}): RunConfig =>
  configOf({
    optimizer: 'sgd',
    clipNorm: 0,
    learningRate,
    learningRateDecay: 'none',
    warmup: 0,
    ...overrides,
  });

/** What runs before the events of one were gathered, and how it ended. */
async function failureOf(
  config: RunConfig,
  options: Parameters<typeof eventsOf>[1] = {},
): Promise<{ events: RunEvent[]; error: UserError }> {
  const events: RunEvent[] = [];
  const error = await eventsOf(config, { ...options, onEvent: (event) => events.push(event) }).then(
    () => new UserError('none', 'expected it to fail'),
    (error: unknown) => error as UserError,
  );
  expect(error).toBeInstanceOf(UserError);
  for (const { snapshot } of ofType(events, 'save'))
    expect(nonFiniteTensor(snapshot)).toBe(undefined);
  return { events, error };
}

/** Keeps `first`, and what is saved after it, as a run directory would. */
function storeOf(first?: RunSnapshot): RunStore & { onEvent: (event: RunEvent) => void } {
  let last = first;
  return {
    onEvent: (event) => {
      if (event.type === 'save') last = stored(event.snapshot);
    },
    isSaveDue: () => false,
    lastSaved: async () =>
      last && { path: `run/step-${last.progress.step}`, load: async () => last! },
  };
}

/** A snapshot after eight quiet steps by SGD. */
async function quietSnapshot(): Promise<RunSnapshot> {
  const events = await eventsOf(configOf({ optimizer: 'sgd', maxSteps: 8 }));
  return stored(ofType(events, 'save').at(-1)!.snapshot);
}

/** `snapshot` with one value of a tensor replaced. */
function spoilt(
  snapshot: RunSnapshot,
  part: 'parameters' | 'hiddenState',
  name: string,
  index: number,
  value = Number.NaN,
): RunSnapshot {
  const copy = structuredClone(snapshot);
  copy[part].get(name)!.data[index] = value;
  return copy;
}

describe('a rollback', () => {
  it('goes to the beginning if nothing was saved, and on with half the rate', async () => {
    const outputBias = 'frequencies';
    const events = await eventsOf(wild(1e21, { outputBias }));
    expect(ofType(events, 'rollback')).toEqual([
      { type: 'rollback', step: 2, toStep: 0, found: 'loss NaN', rateShare: 0.5 },
    ]);
    const { run, ...healed } = lastOf(events);
    expect(run.rollbacks).toBe(1);
    // What came before the rollback has left no trace.
    const { run: gentleRun, ...gentle } = lastOf(await eventsOf(wild(0.5e21, { outputBias })));
    expect(healed).toEqual(gentle);
    expect(run).toEqual({ ...gentleRun, rollbacks: 1 });
  });

  it('goes to the weights that the run began with, where these were given', async () => {
    const { parameters: initialWeights } = await quietSnapshot();
    const events = await eventsOf(wild(1e21), { initialWeights });
    expect(ofType(events, 'rollback')).toHaveLength(1);
    const { run, ...healed } = lastOf(events);
    const { run: gentleRun, ...gentle } = lastOf(await eventsOf(wild(0.5e21), { initialWeights }));
    expect(healed).toEqual(gentle);
    expect(healed.parameters).not.toEqual(lastOf(await eventsOf(wild(0.5e21))).parameters);
  });

  it('goes to what was saved last, with its history', async () => {
    const store = storeOf(await quietSnapshot());
    const resumeFrom = (await store.lastSaved())!.load();
    const config = wild(3e21, { maxSteps: 14 });
    const options = { resumeFrom: await resumeFrom, store, onEvent: store.onEvent };
    const events = await eventsOf(config, options);
    expect(ofType(events, 'rollback').map(({ toStep, rateShare }) => [toStep, rateShare])).toEqual([
      [8, 0.5],
      [8, 0.25],
    ]);
    const rates = ofType(events, 'step').map(({ step, learningRate }) => [step, learningRate]);
    expect(rates.at(-1)).toEqual([14, 0.75e21]);
    const { history, run } = lastOf(events);
    expect(history.map(({ step }) => step)).toEqual([4, 8, 12, 14]);
    expect(run.best?.step).toBe(8);
  });

  it('holds for the rest of the run, also for one that is resumed', async () => {
    const whole = await eventsOf(wild(1e21));
    const first = await eventsOf(wild(1e21), {
      abortAt: ({ type, step }) => type === 'step' && step === 6,
    });
    expect(ofType(first, 'rollback')).toHaveLength(1);
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const second = await eventsOf(wild(1e21), { resumeFrom });
    expect(ofType(second, 'rollback')).toEqual([]);
    expect(lastOf(second)).toEqual(lastOf(whole));
  });

  it('comes three times at most, then the run ends and says what to do', async () => {
    const { events, error } = await failureOf(wild(1e22));
    expect(outline(events)).toEqual(['rollback 2', 'rollback 2', 'rollback 2']);
    expect(error.code).toBe('training-diverged');
    expect(error.message).toBe(
      'step 2: expected finite numbers, found loss NaN, after going back 3 times, each time with ' +
        'half the learning rate',
    );
    expect(error.hint).toBe(
      'Nothing was saved. Begin again with a smaller --lr, or a smaller --clip-norm above 0.',
    );
    const store = storeOf(await quietSnapshot());
    const { error: later } = await failureOf(wild(1e22), { store });
    expect(later.hint).toBe(
      'What was saved before is whole: run/step-8. Go on from there with --resume and a smaller --lr, ' +
        'or a smaller --clip-norm above 0.',
    );
  });

  it('leaves no tensor behind, and lets time go on', async () => {
    await eventsOf(wild(1e21));
    const held = heldTensors();
    let ms = 0;
    const events = await eventsOf(wild(1e21), { now: () => (ms += 1) });
    expect(heldTensors()).toEqual(held);
    const seconds = ofType(events, 'step').map(({ elapsedSeconds }) => elapsedSeconds);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
    expect(seconds).toHaveLength(1 + 12);
  });
});

describe('numbers that are not finite', () => {
  it('end the run with --on-nan stop', async () => {
    const { events, error } = await failureOf(wild(1e21, { onNan: 'stop' }));
    expect(outline(events)).toEqual([]);
    expect(error.message).toBe('step 2: expected finite numbers, found loss NaN');
  });

  it('are left out with --on-nan skip, ten in a row at most', async () => {
    const { events, error } = await failureOf(
      wild(1e30, { onNan: 'skip', maxSteps: 30, evalEvery: 100 }),
    );
    expect(ofType(events, 'skip').map(({ step }) => step)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(error.message).toBe(
      'step 11: expected finite numbers, found loss NaN, the last 10 steps having been left out',
    );
  });

  it('that one step meets change nothing else with --on-nan skip', async () => {
    const snapshot = await quietSnapshot();
    const resumeFrom = spoilt(snapshot, 'hiddenState', 'h_l0', 3);
    const config = configOf({ optimizer: 'sgd', onNan: 'skip', evalEvery: 100 });
    const one = await eventsOf({ ...config, maxSteps: 9 }, { resumeFrom });
    expect(outline(one)).toEqual(['skip 9', 'save 9', 'end 9']);
    expect(lastOf(one).parameters).toEqual(snapshot.parameters);
    expect(lastOf(one).progress.cursor.position).toBe(snapshot.progress.cursor.position + 1);
    for (const { data } of lastOf(one).hiddenState.values()) expect(Math.max(...data)).toBe(0);
    expect(lastOf(one).run.validLoss).toBe(snapshot.run.validLoss);
    const more = await eventsOf({ ...config, maxSteps: 11 }, { resumeFrom });
    expect(outline(more)).toEqual(['skip 9', 'eval 11', 'save 11', 'end 11']);
    const steps = ofType(more, 'step');
    expect(steps.map(({ step }) => step)).toEqual([10, 11]);
    expect(lastOf(more).history.at(-1)!.trainLoss).toBeCloseTo(
      (steps[0]!.loss + steps[1]!.loss) / 2,
      12,
    );
  });

  it('count in a row across an interruption', async () => {
    const config = wild(1e30, { onNan: 'skip', maxSteps: 30, evalEvery: 100 });
    const first = await eventsOf(config, {
      abortAt: ({ type, step }) => type === 'skip' && step === 5,
    });
    expect(lastOf(first).run.skipped).toBe(4);
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const { error } = await failureOf(config, { resumeFrom });
    expect(error.message).toBe(
      'step 11: expected finite numbers, found loss NaN, the last 10 steps having been left out',
    );
  });

  it('in parameters that no loss shows are found before they are saved', async () => {
    // No text has the unknown token; SGD never changes its embedding.
    const resumeFrom = spoilt(await quietSnapshot(), 'parameters', 'embedding.weight', UNKNOWN * 3);
    const config = configOf({ optimizer: 'sgd' });
    const { events, error } = await failureOf(config, { resumeFrom });
    expect(outline(events).filter((line) => !line.startsWith('eval'))).toEqual([
      ...['rollback 12', 'rollback 12', 'rollback 12'],
    ]);
    expect(error.message).toMatch(
      /^step 12: expected finite numbers, found NaN or Infinity in embedding.weight, /,
    );
    // With a state to go back to that is whole, the run goes on.
    const healed = await eventsOf(config, { resumeFrom, store: storeOf(await quietSnapshot()) });
    expect(outline(healed).slice(-3)).toEqual(['eval 12', 'save 12', 'end 12']);
    expect(nonFiniteTensor(lastOf(healed))).toBe(undefined);
  });

  it('in a validation are answered, too, and are not its best', async () => {
    // Only the validation text has the unknown token.
    const resumeFrom = spoilt(await quietSnapshot(), 'parameters', 'embedding.weight', UNKNOWN * 3);
    const valid = new TokenArray(Int32Array.of(1, 2, UNKNOWN, 3, 1));
    for (const onNan of ['skip', 'rollback', 'stop'] as const) {
      const run = trainRun(
        configOf({ optimizer: 'sgd', onNan }),
        { ...data, valid },
        { resumeFrom },
      );
      const failure = (async () => {
        for await (const event of run) expect(['save', 'eval', 'skip']).not.toContain(event.type);
      })();
      await expect(failure).rejects.toThrow(
        'step 12: expected finite numbers, found validation loss NaN',
      );
    }
  });
});
