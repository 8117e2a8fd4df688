/**
 * What it costs training that checkpoints are saved beside it, at the size of `--preset seed`.
 *
 *     npm run bench:saving
 *     npm run bench:saving -- --pairs 20 --minutes 10 --dir /where/checkpoints/go
 *
 * Stretches of steps with a save in them and stretches without one take turns; the difference of each
 * pair is what the save cost. On a machine whose speed wavers the steps' own time hides that, so the
 * parts that can be told apart are shown, too: the time between steps (copying, looking through the
 * values, hashing, turns of the event loop), and the time that the system spent on writing, which at
 * most slows the steps beside it by as much. Then minutes take turns, with one save in every second one.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../src/checkpoint/model.ts';
import { ALL_PARTS } from '../src/checkpoint/resumable.ts';
import { openRun, type RunWriter } from '../src/checkpoint/run.ts';
import { openTexts } from '../src/commands/open-dataset.ts';
import { contentsOf, snapshotOf } from '../src/commands/train-checkpoint.ts';
import { BackgroundSaves } from '../src/commands/train-saves.ts';
import { modelConfigOf, resolveTrainOptions } from '../src/config/train.ts';
import type { TrainOptions } from '../src/config/train-options.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { selectBackend } from '../src/runtime/backend.ts';
import { trainRun } from '../src/training/run.ts';
import type { RunEvent } from '../src/training/run-events.ts';
import type { RunStore } from '../src/training/run-options.ts';
import { summarise } from './statistics.ts';

const CORPUS = fileURLToPath(new URL('../corpora/presidential-addresses.txt', import.meta.url));
/** Before anything is timed. */
const WARM_UP_STEPS = 8;
/** So many times as many steps as a save lasts stand in a stretch, and at least so many. */
const ROOM = 1.5;
const SHORTEST_STRETCH = 8;

interface Stretch {
  readonly steps: number;
  readonly seconds: number;
  /** Seconds that were not within a step. */
  readonly between: number;
  /** Seconds of processor time that the system spent for this process, on all its threads. */
  readonly system: number;
}

function systemSeconds(): number {
  return process.resourceUsage().systemCPUTime / 1e6;
}

/** Training that saves when it is told to, and is timed by stretches. */
class TimedTraining {
  readonly #saves: BackgroundSaves;
  readonly #events: AsyncGenerator<RunEvent, void, void>;
  readonly #tokensAStep: number;
  #isSaveDue = false;
  #atWork = 0;

  constructor(options: TrainOptions, dataset: Dataset, writer: RunWriter) {
    const { tokenizer, parts, record } = dataset;
    this.#tokensAStep = options.batchSize * options.bptt;
    this.#saves = new BackgroundSaves({
      save: async ({ step, isBest, snapshot }) => {
        this.#atWork += 1;
        const contents = contentsOf(snapshot, options, tokenizer, record);
        const path = await writer.save(step, contents, { best: isBest });
        this.#atWork -= 1;
        return path;
      },
      load: async (path) => snapshotOf(await openCheckpoint(path, ALL_PARTS)),
      savedPath: undefined,
      isPeriodic: false,
      onFailure: (error) => {
        throw error;
      },
    });
    const store: RunStore = {
      isSaveDue: () => {
        const isDue = this.#isSaveDue;
        this.#isSaveDue = false;
        return isDue;
      },
      lastSaved: () => this.#saves.lastSaved(),
    };
    const model = modelConfigOf(options, tokenizer.vocabularySize);
    const data = {
      tokenizer,
      train: parts.get('train')!.sequence,
      valid: parts.get('valid')!.sequence,
    };
    this.#events = trainRun({ ...options, model }, data, { store });
  }

  /** Steps until `isOver`, with a save at the beginning if there is to be one. */
  async stretch(
    save: boolean,
    isOver: (steps: number, seconds: number) => boolean,
  ): Promise<Stretch> {
    this.#isSaveDue = save;
    const startedMs = performance.now();
    const startedSystem = systemSeconds();
    let insideSteps = 0;
    for (let steps = 0; ; ) {
      const { value: event, done } = await this.#events.next();
      if (done) throw new Error('expected training to go on');
      if (event.type === 'saving') await this.#saves.idle();
      if (event.type === 'save') this.#saves.begin(event);
      if (event.type !== 'step') continue;
      await this.#saves.giveWay();
      steps += 1;
      insideSteps += this.#tokensAStep / event.tokensPerSecond;
      const seconds = (performance.now() - startedMs) / 1000;
      if (isOver(steps, seconds)) {
        const system = systemSeconds() - startedSystem;
        return { steps, seconds, between: seconds - insideSteps, system };
      }
    }
  }

  get isSaving(): boolean {
    return this.#atWork > 0;
  }

  async end(): Promise<void> {
    await this.#saves.finish();
    await this.#events.return();
  }
}

/** What a save cost, in seconds, by each part of a `Stretch`. */
type Cost = Omit<Stretch, 'steps'>;

/** What each save of `pairs` cost; every second pair begins with the save. */
async function costsOf(training: TimedTraining, pairs: number): Promise<Cost[]> {
  const { steps: lasts } = await training.stretch(true, () => !training.isSaving);
  const steps = Math.max(SHORTEST_STRETCH, Math.ceil(ROOM * lasts));
  say(`a save lasts ${lasts} steps; ${pairs} pairs of stretches of ${steps} steps`);
  const costs: Cost[] = [];
  while (costs.length < pairs) {
    const stretches = new Map<boolean, Stretch>();
    for (const save of costs.length % 2 === 0 ? [true, false] : [false, true]) {
      stretches.set(save, await training.stretch(save, (made) => made === steps));
      if (training.isSaving) throw new Error('expected a save to end within its stretch');
    }
    const [saving, other] = [stretches.get(true)!, stretches.get(false)!];
    const cost = {
      seconds: saving.seconds - other.seconds,
      between: saving.between - other.between,
      system: saving.system - other.system,
    };
    costs.push(cost);
    const [all, between, system] = Object.values(cost).map((part) => part.toFixed(3));
    say(`${all} s of ${other.seconds.toFixed(2)} s; between steps ${between}, system ${system}`);
  }
  return costs;
}

/** The share of their speed that minutes with a save lose, of each pair. */
async function lossesOf(training: TimedTraining, pairs: number): Promise<number[]> {
  const losses: number[] = [];
  while (losses.length < pairs) {
    const speed = { with: 0, without: 0 };
    const order = ['with', 'without'] as const;
    for (const which of losses.length % 2 === 0 ? order : order.toReversed()) {
      const isOver = (_: number, seconds: number) => seconds >= 60;
      const { steps, seconds } = await training.stretch(which === 'with', isOver);
      speed[which] = steps / seconds;
    }
    losses.push(1 - speed.with / speed.without);
    say(`${(100 * losses.at(-1)!).toFixed(2)} % of ${speed.without.toFixed(3)} steps a second`);
  }
  return losses;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `median (lowest to highest)` */
function show(values: readonly number[], digits: number, unit: string): string {
  const { median, lowest, highest } = summarise(values);
  const [middle, low, high] = [median, lowest, highest].map((value) => value.toFixed(digits));
  return `${middle} ${unit} (${low} to ${high})`;
}

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '10' },
    minutes: { type: 'string', default: '4' },
    dir: { type: 'string', default: tmpdir() },
    threads: { type: 'string' },
  },
});
const threads = values.threads === undefined ? undefined : Number(values.threads);
const directory = await mkdtemp(join(values.dir, 'gru-lm-saving-'));
try {
  const options = resolveTrainOptions({
    ...{ preset: 'seed', optimizer: 'adam', batchSize: 32, bptt: 35, dropout: 0.2 },
    ...{ maxSteps: 1e9, learningRate: 0.002, learningRateDecay: 'none' },
  });
  const backend = await selectBackend('cpu', { threads });
  say(backend.description);
  const open = { runDirectory: directory, silent: true, signal: new AbortController().signal };
  const dataset = await openTexts({ ...options, corpus: [CORPUS] }, open);
  const writer = await openRun(join(directory, 'run'), options);
  const training = new TimedTraining({ ...options, evalEvery: 1e9 }, dataset, writer);
  let costs: Cost[];
  let losses: number[];
  try {
    await training.stretch(false, (steps) => steps === WARM_UP_STEPS);
    costs = await costsOf(training, Number(values.pairs));
    losses = await lossesOf(training, Math.floor(Number(values.minutes) / 2));
  } finally {
    await training.end();
    await writer.close();
    await dataset.close();
  }
  const parts = {
    'a save costs': costs.map(({ seconds }) => seconds),
    'of that, between steps': costs.map(({ between }) => between),
    'system time of all threads': costs.map(({ system }) => system),
    'these two together': costs.map(({ between, system }) => between + system),
  };
  for (const [what, seconds] of Object.entries(parts)) {
    const shares = seconds.map((part) => (100 * part) / 60);
    process.stdout.write(`${what}: ${show(seconds, 3, 's')}\n`);
    process.stdout.write(`  one a minute: ${show(shares, 2, '%')}\n`);
  }
  if (losses.length > 0) {
    const shares = losses.map((loss) => 100 * loss);
    process.stdout.write(`one a minute takes ${show(shares, 2, '%')} of the speed, measured\n`);
  }
} finally {
  await rm(directory, { recursive: true });
}
