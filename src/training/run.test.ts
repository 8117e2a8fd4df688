import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { encodeJson } from '../checkpoint/json.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { weightsOf } from '../model/weights.ts';
import { type RunConfig, type RunEvent, type RunSnapshot, trainRun } from './run.ts';
import { learningRateAt } from './schedule.ts';

const text = 'abba cab\n'.repeat(60);
const tokenizer = trainTokenizer(text, { kind: 'char' });
const ids = tokenizer.encode(text);
const data = {
  tokenizer,
  train: new TokenArray(ids.slice(0, 450)),
  valid: new TokenArray(ids.slice(450)),
};

function configOf(overrides: Partial<RunConfig> = {}): RunConfig {
  return {
    model: {
      vocabularySize: tokenizer.vocabularySize,
      embeddingSize: 3,
      hiddenSize: 8,
      layers: 1,
      gruVariant: 'reset-after',
      dropout: 0.2,
    },
    batchSize: 4,
    bptt: 8,
    precision: 'float32',
    seed: 3,
    optimizer: 'adam',
    clipNorm: 1,
    clipValue: 0,
    weightDecay: 0,
    learningRate: 0.03,
    learningRateDecay: 'cosine',
    warmup: 0.1,
    maxSteps: 12,
    evalEvery: 4,
    sampleEvery: 0,
    ...overrides,
  };
}

interface RunOptions {
  resumeFrom?: RunSnapshot | undefined;
  /** Aborts at the first event for which it is true. */
  abortAt?: (event: RunEvent) => boolean;
}

async function eventsOf(config: RunConfig, { resumeFrom, abortAt }: RunOptions = {}) {
  const controller = new AbortController();
  const events: RunEvent[] = [];
  for await (const event of trainRun(config, data, { resumeFrom, signal: controller.signal })) {
    events.push(event);
    if (abortAt?.(event)) controller.abort();
  }
  return events;
}

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

function ofType<Type extends RunEvent['type']>(events: RunEvent[], type: Type): EventOf<Type>[] {
  return events.filter((event): event is EventOf<Type> => event.type === type);
}

/** `step 4`, `eval 4`, …: what happened, in its order. */
function outline(events: RunEvent[]): string[] {
  return events
    .filter(({ type }) => type !== 'step' && type !== 'evaluating')
    .map(({ type, step }) => `${type} ${step}`);
}

/** As a checkpoint would give it back. */
function stored(snapshot: RunSnapshot): RunSnapshot {
  const { progress, run, history, ...tensors } = snapshot;
  const json = new TextDecoder().decode(encodeJson({ progress, run, history } as never, 'x'));
  return { ...structuredClone(tensors), ...(JSON.parse(json) as object) } as RunSnapshot;
}

describe.each(['wasm', 'tensorflow'] as const)('a run on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('steps, validates, saves what is best, and ends with a save', async () => {
    const events = await eventsOf(configOf());
    const steps = ofType(events, 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    for (const [i, { learningRate, progress }] of steps.entries()) {
      expect(learningRate).toBe(learningRateAt(configOf(), i / 12));
      expect(progress).toBe((i + 1) / 12);
    }
    const evals = ofType(events, 'eval');
    expect(evals.map(({ step }) => step)).toEqual([4, 8, 12]);
    expect(evals.every(({ isBest }) => isBest)).toBe(true);
    expect(outline(events)).toEqual([
      ...['eval 4', 'save 4', 'eval 8', 'save 8'],
      ...['eval 12', 'save 12', 'end 12'],
    ]);
    const end = events.at(-1) as EventOf<'end'>;
    expect([end.bestStep, end.bestNatsPerToken]).toEqual([12, evals[2]!.natsPerToken]);
    expect(ofType(events, 'save').map(({ snapshot }) => snapshot.run.finished)).toEqual([
      ...[false, false, true],
    ]);
  });

  it('validates with the parameters that it then saves', async () => {
    const events = await eventsOf(configOf());
    for (const save of ofType(events, 'save')) {
      const weights = weightsOf(save.snapshot.parameters);
      const totals = new LossTotals();
      await scoreTokens(configOf().model, weights, data.valid, { onLosses: totals.add });
      const { natsPerToken } = ofType(events, 'eval').find(({ step }) => step === save.step)!;
      expect(totals.mean).toBe(natsPerToken);
      expect(save.snapshot.run.validLoss).toBe(natsPerToken);
    }
  });

  it('stops by a signal with a save, and goes on from it to the very same end', async () => {
    const whole = await eventsOf(configOf());
    const first = await eventsOf(configOf(), { abortAt: ({ step }) => step === 6 });
    expect(outline(first)).toEqual(['eval 4', 'save 4', 'save 6', 'stopped 6']);
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const second = await eventsOf(configOf(), { resumeFrom });
    expect(outline(second)).toEqual(['eval 8', 'save 8', 'eval 12', 'save 12', 'end 12']);

    const figures = (events: RunEvent[]) =>
      ofType(events, 'step').map(({ step, epoch, loss, learningRate, gradientNorm, progress }) => ({
        ...{ step, epoch, loss, learningRate, gradientNorm, progress },
      }));
    expect([...figures(first), ...figures(second)]).toEqual(figures(whole));
    const last = (events: RunEvent[]) => {
      const { clock, ...rest } = ofType(events, 'save').at(-1)!.snapshot;
      return rest;
    };
    expect(last(second)).toEqual(last(whole));
  });

  it('leaves no tensor behind, ended, stopped or left', async () => {
    await eventsOf(configOf({ sampleEvery: 1 }));
    const held = heldTensors();
    await eventsOf(configOf({ sampleEvery: 1 }));
    expect(heldTensors()).toEqual(held);
    await eventsOf(configOf(), { abortAt: ({ type }) => type === 'evaluating' });
    expect(heldTensors()).toEqual(held);
    for await (const event of trainRun(configOf(), data)) if (event.step === 2) break;
    expect(heldTensors()).toEqual(held);
  });
});

describe('a run', () => {
  beforeAll(() => useBackend('wasm'));

  it('calls no validation best that is not better than all before, and keeps the best', async () => {
    // A rate that does harm: every loss after the first is worse.
    const config = configOf({
      learningRate: 30,
      warmup: 0,
      learningRateDecay: 'plateau',
      clipNorm: 0,
    });
    const events = await eventsOf({ ...config, maxSteps: 8, evalEvery: 2 });
    const evals = ofType(events, 'eval');
    let lowest = Number.POSITIVE_INFINITY;
    for (const { natsPerToken, isBest } of evals) {
      expect(isBest).toBe(natsPerToken < lowest);
      lowest = Math.min(lowest, natsPerToken);
    }
    const worse = evals.filter(({ isBest }) => !isBest).length;
    expect(worse).toBeGreaterThan(0);
    const best = evals.find(({ natsPerToken }) => natsPerToken === lowest)!;
    const { run } = ofType(events, 'save').at(-1)!.snapshot;
    expect(run.best).toEqual({ step: best.step, natsPerToken: best.natsPerToken });
    expect(run.plateaus).toBe(worse);
    expect((events.at(-1) as EventOf<'end'>).bestStep).toBe(best.step);
    for (const { step, isBest } of ofType(events, 'save')) {
      const validated = evals.filter((event) => event.step <= step);
      expect(isBest).toBe(validated.at(-1)!.step === step && validated.at(-1)!.isBest);
    }
    // Each plateau has halved the rate of the steps after it.
    const rates = ofType(events, 'step').map(({ learningRate }) => learningRate);
    const plateausBefore = (step: number) =>
      evals.filter((event) => event.step < step && !event.isBest).length;
    expect(rates).toEqual(rates.map((_, i) => 30 / 2 ** plateausBefore(i + 1)));
  });

  it('saves between validations where it is told to', async () => {
    const events = await eventsOf(configOf({ evalEvery: 100, saveEvery: 5 }));
    expect(outline(events)).toEqual(['save 5', 'save 10', 'eval 12', 'save 12', 'end 12']);
  });

  it('validates eight times if it is not told otherwise', async () => {
    const events = await eventsOf(configOf({ evalEvery: undefined, maxSteps: 80 }));
    const expected = [10, 20, 30, 40, 50, 60, 70, 80];
    expect(ofType(events, 'eval').map(({ step }) => step)).toEqual(expected);
  });

  it('validates less often where that would take much of the time, but saves as often', async () => {
    // A validation takes as long as data.valid / (2.5 · 4 · 8) steps, about.
    const between = Math.ceil((5 * data.valid.length) / (2.5 * 4 * 8));
    const events = await eventsOf(configOf({ evalEvery: undefined, maxSteps: 2 * between + 2 }));
    const expected = [between, 2 * between, 2 * between + 2];
    expect(ofType(events, 'eval').map(({ step }) => step)).toEqual(expected);
    expect(ofType(events, 'save').length).toBeGreaterThan(expected.length);
  });

  it('records for each validation the mean loss of the steps since the one before', async () => {
    const events = await eventsOf(configOf());
    const losses = ofType(events, 'step').map(({ loss }) => loss);
    const { history } = ofType(events, 'save').at(-1)!.snapshot;
    expect(history.map(({ step }) => step)).toEqual([4, 8, 12]);
    for (const [i, entry] of history.entries()) {
      const since = losses.slice(4 * i, 4 * i + 4);
      expect(entry.trainLoss).toBeCloseTo(since.reduce((a, b) => a + b) / 4, 12);
    }
  });

  it('that was stopped in its last validation makes up for it when it goes on', async () => {
    const first = await eventsOf(configOf(), {
      abortAt: ({ type, step }) => type === 'evaluating' && step === 12,
    });
    expect(outline(first).slice(-2)).toEqual(['save 12', 'stopped 12']);
    const { snapshot } = ofType(first, 'save').at(-1)!;
    expect([snapshot.run.finished, snapshot.run.validLoss]).toEqual([false, null]);
    const second = await eventsOf(configOf(), { resumeFrom: stored(snapshot) });
    expect(outline(second)).toEqual(['eval 12', 'save 12', 'end 12']);
    const whole = await eventsOf(configOf());
    const entry = (events: RunEvent[]) =>
      stored(ofType(events, 'save').at(-1)!.snapshot).history[2];
    expect(entry(second)).toEqual(entry(whole));
  });

  it('makes at least one step, however short its time', async () => {
    const events = await eventsOf(configOf({ maxSteps: undefined, maxTime: 1e-9 }));
    expect(outline(events)).toEqual(['eval 1', 'save 1', 'end 1']);
    expect(ofType(events, 'step').map(({ progress }) => progress)).toEqual([1]);
  });

  it('that diverges ends with an error that says what to do, and saves nothing of it', async () => {
    const config = configOf({ optimizer: 'sgd', clipNorm: 0, learningRate: 1e38, warmup: 0 });
    const events: RunEvent[] = [];
    const failure = await (async () => {
      for await (const event of trainRun({ ...config, evalEvery: 1 }, data)) events.push(event);
    })().catch((error: unknown) => error as UserError);
    expect(failure).toBeInstanceOf(UserError);
    const { code, message, hint } = failure as UserError;
    expect(code).toBe('training-diverged');
    expect(message).toMatch(
      /^the (validation )?loss of step [12]: expected a number, found (NaN|Infinity)$/,
    );
    expect(hint).toBe(
      'Give --lr or --clip-norm a smaller number; checkpoints saved before are whole.',
    );
    expect(ofType(events, 'save')).toEqual([]);
  });

  it('that had finished goes on with a larger budget', async () => {
    const first = await eventsOf(configOf());
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const second = await eventsOf(configOf({ maxSteps: 14 }), { resumeFrom });
    expect(ofType(second, 'step').map(({ step }) => step)).toEqual([13, 14]);
    expect(
      ofType(second, 'save')
        .at(-1)!
        .snapshot.history.map(({ step }) => step),
    ).toEqual([...[4, 8, 12, 14]]);
  });

  it('aborted before its first step saves nothing', async () => {
    const controller = new AbortController();
    controller.abort();
    const events: RunEvent[] = [];
    for await (const event of trainRun(configOf(), data, { signal: controller.signal })) {
      events.push(event);
    }
    expect(events).toEqual([{ type: 'stopped', step: 0 }]);
  });

  it('shows samples of its own text as often as it is told', async () => {
    const events = await eventsOf(configOf({ sampleEvery: 2 }));
    const samples = ofType(events, 'sample');
    expect(samples.map(({ step }) => step)).toEqual([8]);
    expect(samples[0]!.text).toMatch(/^[abc \n]{160}$/);
    const again = await eventsOf(configOf({ sampleEvery: 2 }));
    expect(ofType(again, 'sample')).toEqual(samples);
  });
});
