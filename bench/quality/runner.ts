/** Runs what an experiment's row says, and tells what it came to. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, runToEnd } from '../child.ts';
import { type Experiment, flagsAt, type Row, usefulFlags } from './experiment.ts';
import { type ExportedTokens, exportTokens } from './export-tokens.ts';
import { type Outcome, outcomeOf, stepsPerSecondOf } from './outcome.ts';

const RECIPE = fileURLToPath(new URL('pytorch_word_model.py', import.meta.url));
const PROGRAM = ['--import', 'tsx', 'bin/gru-lm.js'];

/** A run of a row of an experiment. */
export interface Job {
  experiment: Experiment;
  row: Row;
  seed: number;
  /** Of the row's steps; see `flagsAt`. */
  pace: number;
}

interface Training<Answer> {
  flags: string[];
  /** The number of a processor. */
  onlyOn?: number;
  /** What was printed, and the run's directory, which is removed after this. */
  whileThere: (output: string, runDirectory: string) => Answer | Promise<Answer>;
}

/** How long a pace is measured for: each of the two has half of it. */
const PACE_SECONDS = 45;

export interface RunnerOptions {
  /** For runs while they last, and for tokens. */
  directory: string;
  /** Of processes that are run for a time. */
  threads: number;
  /** The Python of the peers. */
  python: () => Promise<string>;
  signal: AbortSignal;
}

export class Runner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Trains a setting; `whileThere` is given its run's directory, which is removed after that. */
  async train(
    { experiment, row, seed, pace }: Job,
    whileThere: (runDirectory: string) => Promise<void>,
  ): Promise<Outcome> {
    return this.#train(experiment, `${row.name}-${seed}`, {
      flags: [...flagsAt(row, pace), '--seed', `${seed}`],
      whileThere: async (output, run) => {
        await whileThere(run);
        return outcomeOf(output);
      },
    });
  }

  /**
   * How many steps a row makes for one of the base's. Both run at once and take turns on one processor, so
   * that whatever else has that processor slows both.
   */
  async pace(experiment: Experiment, row: Row, processor: number): Promise<number> {
    const { data, base } = experiment;
    const short = ['--max-time', `${PACE_SECONDS}s`, '--valid-split', '0.01'];
    const speedOf = (name: string, changed: string[]) =>
      this.#train(experiment, `${name}-on-${processor}`, {
        flags: [...data, ...base, ...changed, ...short],
        onlyOn: processor,
        whileThere: stepsPerSecondOf,
      });
    const [speed, baseSpeed] = await Promise.all([
      speedOf(row.name, row.changed),
      speedOf(`beside-${row.name}`, []),
    ]);
    return speed / baseSpeed;
  }

  /** The n-gram model of this order of the tokens that a run was trained on. */
  async countNgrams(runDirectory: string, order: number): Promise<Outcome> {
    const flags = ['--baseline', `ngram:${order}`, '--json'];
    const printed = await this.#run(process.execPath, [...PROGRAM, 'eval', runDirectory, ...flags]);
    const { baseline } = JSON.parse(printed) as { baseline: { natsPerToken: number } };
    return { steps: 0, tokensPerSecond: 0, natsPerToken: baseline.natsPerToken };
  }

  /** PyTorch's recipe on the very tokens that gru-lm trains on. */
  async trainRecipe(
    { experiment, seed }: Job,
    { rate, seconds }: { rate: number; seconds: number },
  ): Promise<Outcome> {
    const { threads, python } = this.#options;
    const { train, valid, vocabularySize } = await this.#tokensOf(experiment);
    const output = await this.#run(await python(), [
      ...[RECIPE, '--train', train, '--valid', valid, '--vocabulary', `${vocabularySize}`],
      ...['--lr', `${rate}`, '--seconds', `${seconds}`],
      ...['--seed', `${seed}`, '--threads', `${threads}`],
    ]);
    const end = JSON.parse(output.trim().split('\n').at(-1) ?? '') as RecipeEnd;
    const { steps, tokensPerSecond, validNatsPerToken: natsPerToken } = end;
    return { steps, tokensPerSecond, natsPerToken };
  }

  #tokensOf(experiment: Experiment): Promise<ExportedTokens> {
    const { directory, signal } = this.#options;
    const tokens = join(directory, `${experiment.name}-tokens`);
    return exportTokens(corpusOf(experiment), experiment.data, tokens, signal);
  }

  async #train<Answer>(
    experiment: Experiment,
    name: string,
    { flags, onlyOn, whileThere }: Training<Answer>,
  ): Promise<Answer> {
    const { directory } = this.#options;
    const threads = this.#threadsOf(experiment);
    const out = join(directory, `${experiment.name}-${name}`.replace(/\W+/g, '-'));
    const command = [
      // What is left to the system elsewhere.
      ...(onlyOn === undefined || process.platform !== 'linux'
        ? []
        : ['taskset', '-c', `${onlyOn}`]),
      ...[process.execPath, ...PROGRAM, 'train', corpusOf(experiment), ...usefulFlags(flags)],
      ...['--threads', `${threads}`, '--out', out, '--overwrite', '--json'],
    ];
    try {
      const output = await this.#run(command[0]!, command.slice(1), threads);
      return await whileThere(output, out);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }

  /** Runs of an equal count of steps have one each, so that several can be at work at once. */
  #threadsOf({ seconds }: Experiment): number {
    return seconds === undefined ? 1 : this.#options.threads;
  }

  #run(command: string, args: string[], threads = this.#options.threads): Promise<string> {
    const { signal } = this.#options;
    return runToEnd(command, args, { threads, signal });
  }
}

/** The last that the recipe prints, as far as it is used. */
interface RecipeEnd {
  steps: number;
  tokensPerSecond: number;
  validNatsPerToken: number;
}

function corpusOf({ text }: Experiment): string {
  return join(root, 'corpora', text);
}
