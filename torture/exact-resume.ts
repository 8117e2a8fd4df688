/**
 * Resumes a run from each of its checkpoints, interrupts others at any moment, and holds the bytes of
 * every end against those of a run that was never interrupted.
 */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeRunRecord,
  PART_FILES,
  RUN_FILE,
  stepName,
  stepOfName,
} from '../src/checkpoint/format.ts';
import { readRunRecord } from '../src/checkpoint/run-record.ts';
import { Random } from '../src/random.ts';
import { selectBackend } from '../src/runtime/backend.ts';
import { assertSameHashes, hashesOfLast, train } from './exact-resume/program.ts';
import { type Interruption, timedRun } from './exact-resume/timed-run.ts';
import type { FigureRow, Scenario } from './scenario.ts';

type Backend = 'cpu' | 'wasm';
type Log = (line: string) => void;

interface ResumeOptions {
  readonly backend: Backend;
  readonly steps: number;
  /** Steps between checkpoints, all of which are kept. */
  readonly saveEvery: number;
  /** The steps of the checkpoints to go on from; default all. */
  readonly from?: readonly number[];
  /** Runs that are stopped by SIGINT again and again until they are done. */
  readonly interrupted: number;
  /** Of the moments of the signals. */
  readonly seed: number;
}

export interface ResumeFigures {
  /** Checkpoints gone on from. */
  resumed: number;
  /** Signals that stopped a run, and those of them that came in a validation. */
  signals: number;
  inValidations: number;
  /** Files compared, each time that a run came to its end. */
  files: number;
}

const SIZE = '--hidden 16 --embedding 8 --layers 2 --dropout 0.2 --batch-size 4 --bptt 8';
const CORPUS = 'corpus.txt';
const EVAL_EVERY = 40;

/** Throws where a run that was interrupted ends with other bytes; `cpu` takes its default threads. */
export async function resumeExactly(options: ResumeOptions, log: Log): Promise<ResumeFigures> {
  const root = await mkdtemp(join(tmpdir(), 'gru-lm-exact-'));
  try {
    return await new Resumes(root, options, log).all();
  } finally {
    await rm(root, { recursive: true });
  }
}

class Resumes {
  readonly #root: string;
  readonly #options: ResumeOptions;
  readonly #log: Log;
  readonly #random: Random;
  readonly #figures: ResumeFigures = { resumed: 0, signals: 0, inValidations: 0, files: 0 };
  #whole: Record<string, string> = {};

  constructor(root: string, options: ResumeOptions, log: Log) {
    this.#root = root;
    this.#options = options;
    this.#log = log;
    this.#random = new Random(options.seed);
  }

  async all(): Promise<ResumeFigures> {
    const { steps, saveEvery, from, interrupted } = this.#options;
    // Some sixty steps an epoch; validation takes long enough to be met by signals.
    const lines = Array.from(
      { length: 120 },
      (_, i) => `a fox ${(i * 7) % 13} of ${(i * 5) % 11}\n`,
    );
    await writeFile(join(this.#root, CORPUS), lines.join(''));
    await this.#train('whole', this.#begin());
    this.#whole = await hashesOfLast(join(this.#root, 'whole'));
    const all = Array.from(
      { length: Math.floor(steps / saveEvery) },
      (_, i) => (i + 1) * saveEvery,
    );
    for (const step of from ?? all) await this.#resumeFrom(step);
    for (let i = 0; i < interrupted; i++) await this.#interrupt(`stopped-${i}`);
    return this.#figures;
  }

  #begin(): string[] {
    const { steps, saveEvery, backend } = this.#options;
    const how = `--eval-every ${EVAL_EVERY} --sample-every 0 --save-every ${saveEvery} --keep ${steps}`;
    return `${SIZE} ${how} --max-steps ${steps} --valid-split 0.2 --backend ${backend}`.split(' ');
  }

  async #train(run: string, flags: readonly string[]): Promise<void> {
    await train([CORPUS, '--out', run, ...flags], { cwd: this.#root });
  }

  /** A copy of the run as if it had been killed right after the checkpoint of `step`. */
  async #resumeFrom(step: number): Promise<void> {
    const run = `from-${step}`;
    const path = join(this.#root, run);
    await cp(join(this.#root, 'whole'), path, { recursive: true });
    const last = stepName(step);
    await writeFile(
      join(path, RUN_FILE),
      encodeRunRecord({ last, best: await bestOf(path, last) }),
    );
    for (const name of await readdir(path)) {
      const later = (stepOfName(name)?.step ?? 0) > step;
      if (later) await rm(join(path, name), { recursive: true });
    }
    await this.#train(run, ['--resume', '--backend', this.#options.backend]);
    await this.#compare(run);
    this.#figures.resumed += 1;
    this.#log(`${this.#options.backend}: from step ${step}: the same`);
    await rm(path, { recursive: true });
  }

  /** A run that a signal stops in every session, in a validation each second time, until it is done. */
  async #interrupt(run: string): Promise<void> {
    const { backend } = this.#options;
    const flags = this.#begin();
    let step = 0;
    for (let session = 0; ; session++) {
      const target = this.#stepToStopAt(step, session % 2 === 1);
      const { exitCode, events } = await train(
        [CORPUS, '--out', run, ...(session === 0 ? flags : ['--resume', '--backend', backend])],
        {
          cwd: this.#root,
          codes: [0, 130],
          onEvent: (event, kill) => {
            if (event.event === 'step' && event.step === target) kill('SIGINT');
          },
        },
      );
      step = events.at(-1)?.step as number;
      if (exitCode === 0) break;
      this.#figures.signals += 1;
      if (step % EVAL_EVERY === 0 && !(await isValidated(join(this.#root, run)))) {
        this.#figures.inValidations += 1;
      }
    }
    await this.#compare(run);
    this.#log(`${backend}: ${run}: the same after ${this.#figures.signals} signals`);
  }

  /** At the next validation, or somewhere in the next fifth of the run. */
  #stepToStopAt(step: number, inValidation: boolean): number {
    if (inValidation) return (Math.floor(step / EVAL_EVERY) + 1) * EVAL_EVERY;
    return step + 1 + this.#random.integer(Math.ceil(this.#options.steps / 5));
  }

  async #compare(run: string): Promise<void> {
    const found = await hashesOfLast(join(this.#root, run));
    assertSameHashes(found, this.#whole, run);
    this.#figures.files += Object.keys(found).length;
  }
}

/** What stands in a checkpoint of the run. */
async function progressOf(path: string): Promise<{
  best: { step: number } | null;
  validLoss: number | null;
}> {
  const bytes = await readFile(join(path, PART_FILES.training), 'utf8');
  return (JSON.parse(bytes) as { run: Awaited<ReturnType<typeof progressOf>> }).run;
}

/** The name of the checkpoint that was the run's best when `name` was saved. */
async function bestOf(run: string, name: string): Promise<string | null> {
  const { best } = await progressOf(join(run, name));
  return best && stepName(best.step);
}

async function isValidated(run: string): Promise<boolean> {
  const record = await readRunRecord(run);
  return (await progressOf(join(run, record!.last))).validLoss !== null;
}

/**
 * Throws unless runs limited to so many seconds of their own clock end alike, interrupted once, each at
 * another of `points`, or again and again.
 */
export async function resumeInTime({
  points,
  seconds,
}: {
  points: number;
  seconds: number;
}): Promise<FigureRow[]> {
  const whole = await timedRun(seconds);
  const interruptions = Array.from({ length: points }, (_, i): Interruption => {
    // The last few in validations.
    const inValidation = i >= points - Math.min(whole.validations - 1, Math.ceil(points / 5));
    if (inValidation) return { in: 'validation', count: points - i };
    return { in: 'step', count: 1 + Math.floor((i * (whole.steps - 1)) / points) };
  });
  const compare = async (each: readonly Interruption[]) => {
    const { hash, sessions } = await timedRun(seconds, each);
    if (hash !== whole.hash) throw new Error(`${JSON.stringify(each)}: another end`);
    if (sessions !== each.length + 1) throw new Error(`expected ${each.length} interruptions`);
  };
  for (const interruption of interruptions) await compare([interruption]);
  // One run that is interrupted after every seven steps, and in its validations.
  const often = Array.from({ length: 5 }, (): Interruption[] => [
    { in: 'step', count: 7 },
    { in: 'validation', count: 1 },
  ]).flat();
  await compare(often.slice(0, 2 * Math.min(5, whole.validations - 1)));
  return [
    ['steps and validations of a run limited by time', `${whole.steps} and ${whole.validations}`],
    ['of them interrupted once, all with the same end', String(points)],
  ];
}

export const scenario: Scenario = {
  name: 'exact-resume',
  async run(log) {
    const rows: FigureRow[] = [];
    for (const backend of ['cpu', 'wasm'] as const) {
      const options = { backend, steps: 300, saveEvery: 10, interrupted: 3, seed: 1 };
      const figures = await resumeExactly(options, log);
      await selectBackend(backend);
      rows.push(
        [
          `${backend}: checkpoints of a 300-step run gone on from, all with the same end`,
          String(figures.resumed),
        ],
        [
          `${backend}: runs stopped by signals until done, all with the same end`,
          String(options.interrupted),
        ],
        [
          `${backend}: signals, of which in validations`,
          `${figures.signals}, ${figures.inValidations}`,
        ],
        [`${backend}: files compared by SHA-256`, String(figures.files)],
        ...(await resumeInTime({ points: 30, seconds: 2 })).map(
          ([what, figure]) => [`${backend}: ${what}`, figure] as const,
        ),
      );
    }
    return rows;
  },
};
