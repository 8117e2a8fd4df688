import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { withUnknowns } from '../data/unknowns.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { LossTotals } from '../evaluation/report.ts';
import { weightsOf } from '../model/weights.ts';
import { trainRun } from './run.ts';
import type { RunEvent } from './run-events.ts';
import type { RunConfig } from './run-options.ts';
import { learningRateAt } from './schedule.ts';
import {
  configOf,
  data,
  type EventOf,
  eventsOf,
  lastOf,
  ofType,
  outline,
  stored,
} from './testing/small-run.ts';

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

  it.each<Partial<RunConfig>>([{}, { bpttSchedule: 'random' }, { bpttSchedule: 'grow' }])(
    'stops by a signal with a save, and goes on from it to the very same end, with %o',
    async (more) => {
      const config = configOf(more);
      const whole = await eventsOf(config);
      const first = await eventsOf(config, { abortAt: ({ step }) => step === 6 });
      expect(outline(first)).toEqual(['eval 4', 'save 4', 'save 6', 'stopped 6']);
      const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
      const second = await eventsOf(config, { resumeFrom });
      expect(outline(second)).toEqual(['eval 8', 'save 8', 'eval 12', 'save 12', 'end 12']);

      const figures = (events: RunEvent[]) =>
        ofType(events, 'step').map(
          ({ step, epoch, loss, learningRate, gradientNorm, progress }) => ({
            ...{ step, epoch, loss, learningRate, gradientNorm, progress },
          }),
        );
      expect([...figures(first), ...figures(second)]).toEqual(figures(whole));
      expect(lastOf(second)).toEqual(lastOf(whole));
    },
  );

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

  it('begins with how frequent the tokens of its text are, if it is to', async () => {
    const lossOf = async (outputBias: RunConfig['outputBias']) => {
      const events = await eventsOf(configOf({ outputBias, maxSteps: 1 }));
      return ofType(events, 'step')[0]!.loss;
    };
    const { counts } = await withUnknowns(data.train, data.tokenizer);
    const shares = [...counts].map((count) => count / data.train.length);
    const entropy = shares.reduce((sum, p) => (p === 0 ? sum : sum - p * Math.log(p)), 0);
    const uniform = Math.log(counts.length);
    // What the other weights score by chance is added to both.
    expect(Math.abs((await lossOf('frequencies')) - entropy)).toBeLessThan(0.1);
    expect(Math.abs((await lossOf('zero')) - uniform)).toBeLessThan(0.1);
    expect(entropy).toBeLessThan(uniform - 0.3);
  });

  it('counts epochs by the text where windows differ in length, and ends where one does', async () => {
    for (const bpttSchedule of ['random', 'grow'] as const) {
      const config = configOf({ bpttSchedule, maxSteps: undefined, epochs: 2 });
      const steps = ofType(await eventsOf(config), 'step');
      expect(steps.at(-1)).toMatchObject({ epoch: 2, progress: 1 });
      for (const { epoch, progress } of steps) expect(progress).toBe(epoch / 2);
      const [first] = steps;
      // Streams of 112 tokens, of which the first window leaves out up to 7.
      const tokens = first!.epoch * 112;
      expect(tokens).toBeCloseTo(Math.round(tokens), 9);
      expect(tokens).toBeGreaterThanOrEqual(5);
      expect(tokens).toBeLessThanOrEqual(7 + 18);
    }
  });

  describe('with nt-asgd', () => {
    // A rate that soon does harm, so that validations get worse.
    const config = configOf({
      ...{ optimizer: 'nt-asgd', nonMonotone: 2, maxSteps: 30, evalEvery: 2 },
      ...{ learningRate: 20, warmup: 0, learningRateDecay: 'none' },
    });

    it('averages the weights once validations get no better, and evaluates the mean', async () => {
      const events = await eventsOf(config);
      const losses = ofType(events, 'eval').map(({ natsPerToken }) => natsPerToken);
      const [averaging, ...more] = ofType(events, 'averaging');
      expect(more).toEqual([]);
      const { step } = averaging!;
      const at = step / 2 - 1;
      expect(losses[at]).toBeGreaterThan(Math.min(...losses.slice(0, at - 2)));
      for (let i = 3; i < at; i++) {
        expect(losses[i]).toBeLessThanOrEqual(Math.min(...losses.slice(0, i - 2)));
      }
      expect(step).toBeLessThan(26);
      const { snapshot } = ofType(events, 'save').at(-1)!;
      expect(snapshot.progress.averaged).toBe(30 - step);
      const totals = new LossTotals();
      const weights = weightsOf(snapshot.parameters);
      await scoreTokens(config.model, weights, data.valid, { onLosses: totals.add });
      expect(totals.mean).toBe(losses.at(-1));
      // The run learns as it would without: it is what is looked at that is another.
      const without = await eventsOf({ ...config, optimizer: 'sgd' });
      const stepLosses = (all: RunEvent[]) => ofType(all, 'step').map(({ loss }) => loss);
      expect(stepLosses(events)).toEqual(stepLosses(without));
      expect(losses.at(-1)).toBeLessThan(ofType(without, 'eval').at(-1)!.natsPerToken);
    });

    it('goes on to the very same end from before, at and after the step where that begins', async () => {
      const whole = await eventsOf({ ...config, saveEvery: 1 });
      const { step } = ofType(whole, 'averaging')[0]!;
      for (const from of [step - 1, step, step + 1, step + 4]) {
        const { snapshot } = ofType(whole, 'save').find((save) => save.step === from)!;
        expect(snapshot.progress.averaged).toBe(from < step ? undefined : from - step);
        const rest = await eventsOf({ ...config, saveEvery: 1 }, { resumeFrom: stored(snapshot) });
        expect(ofType(rest, 'averaging')).toEqual(from < step ? [{ type: 'averaging', step }] : []);
        expect(lastOf(rest)).toEqual(lastOf(whole));
      }
    });
  });

  it('ends when its patience does, and goes on with more', async () => {
    // A rate that does harm.
    const config = configOf({
      learningRate: 30,
      warmup: 0,
      learningRateDecay: 'none',
      clipNorm: 0,
    });
    const run = { ...config, maxSteps: 40, evalEvery: 2 };
    const whole = await eventsOf(run);
    const patient = await eventsOf({ ...run, patience: 3 });
    const evals = ofType(patient, 'eval');
    expect(evals.slice(-3).map(({ isBest }) => isBest)).toEqual([false, false, false]);
    expect(evals.at(-4)!.isBest).toBe(true);
    const { snapshot, step } = ofType(patient, 'save').at(-1)!;
    expect(step).toBeLessThan(40);
    expect(snapshot.run.finished).toBe(true);
    const more = await eventsOf({ ...run, patience: 3 }, { resumeFrom: stored(snapshot) });
    expect(outline(more)).toEqual([`save ${step}`, `end ${step}`]);
    const rest = await eventsOf({ ...run, patience: 100 }, { resumeFrom: stored(snapshot) });
    expect(lastOf(rest)).toEqual(lastOf(whole));
  });

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
    const events = await eventsOf(configOf({ evalEvery: undefined, maxSteps: 160 }));
    const expected = [20, 40, 60, 80, 100, 120, 140, 160];
    expect(ofType(events, 'eval').map(({ step }) => step)).toEqual(expected);
  });

  it('validates less often where that would take much of the time', async () => {
    // A validation takes as long as data.valid / (2.5 · 4 · 8) steps, about.
    const between = Math.ceil((15 * data.valid.length) / (2.5 * 4 * 8));
    const events = await eventsOf(configOf({ evalEvery: undefined, maxSteps: 2 * between + 2 }));
    const expected = [between, 2 * between, 2 * between + 2];
    expect(ofType(events, 'eval').map(({ step }) => step)).toEqual(expected);
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

  it('that was stopped in any validation makes up for it before its next step', async () => {
    const whole = await eventsOf(configOf());
    const first = await eventsOf(configOf(), {
      abortAt: ({ type, step }) => type === 'evaluating' && step === 8,
    });
    expect(outline(first).slice(-2)).toEqual(['save 8', 'stopped 8']);
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const second = await eventsOf(configOf(), { resumeFrom });
    expect(outline(second)).toEqual(['eval 8', 'save 8', 'eval 12', 'save 12', 'end 12']);
    expect(lastOf(second)).toEqual(lastOf(whole));
  });

  it('that was stopped after a validation does not make it again', async () => {
    const first = await eventsOf(configOf(), {
      abortAt: ({ type, step }) => type === 'eval' && step === 8,
    });
    expect(outline(first).slice(-3)).toEqual(['eval 8', 'save 8', 'stopped 8']);
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const second = await eventsOf(configOf(), { resumeFrom });
    expect(outline(second)).toEqual(['eval 12', 'save 12', 'end 12']);
    expect(lastOf(second)).toEqual(lastOf(await eventsOf(configOf())));
  });

  it('saves whenever whoever saves it asks for that', async () => {
    const due = [false, true, false, false, true];
    const store = { isSaveDue: () => due.shift() ?? false, lastSaved: async () => undefined };
    const events = await eventsOf(configOf({ evalEvery: 100, maxSteps: 8 }), { store });
    expect(outline(events)).toEqual(['save 2', 'save 5', 'eval 8', 'save 8', 'end 8']);
  });

  it('says that it will save before it takes the snapshot', async () => {
    const types = (await eventsOf(configOf())).map(({ type }) => type);
    for (const [i, type] of types.entries())
      if (type === 'save') expect(types[i - 1]).toBe('saving');
    expect(types.filter((type) => type === 'saving')).toHaveLength(3);
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

  it('keeps samples in its history, also one that an interruption came before', async () => {
    const config = configOf({ sampleEvery: 2 });
    const whole = await eventsOf(config);
    const [sample] = ofType(whole, 'sample');
    const { history } = ofType(whole, 'save').at(-1)!.snapshot;
    expect(history.map((entry) => entry.sample)).toEqual([undefined, sample?.text, undefined]);
    const first = await eventsOf(config, {
      abortAt: ({ type, step }) => type === 'eval' && step === 8,
    });
    expect(ofType(first, 'sample')).toEqual([]);
    const resumeFrom = stored(ofType(first, 'save').at(-1)!.snapshot);
    const second = await eventsOf(config, { resumeFrom });
    expect(ofType(second, 'sample')).toEqual([sample]);
    expect(lastOf(second)).toEqual(lastOf(whole));
  });
});
