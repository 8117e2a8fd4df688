/**
 * Kills training at random moments, most of them in saves, and goes on each time: whatever the run lists
 * loads, nothing that was reported as saved is lost, and the run ends as one that was never interrupted.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stepOfName } from '../src/checkpoint/format.ts';
import { verify } from '../src/checkpoint/list.ts';
import { readRunRecord } from '../src/checkpoint/run-record.ts';
import { Random } from '../src/random.ts';
import {
  expect,
  listByProgram,
  loadAndCompare,
  look,
  type RunState,
  untimedHistory,
} from './kills/inspect.ts';
import { type Kill, randomKill, type Session, train } from './kills/trainer.ts';
import type { Scenario } from './scenario.ts';

export interface KillOptions {
  /** How many times a trainer is killed. */
  readonly kills: number;
  /** Of the moments. */
  readonly seed: number;
  /** Of each run; a finished one is followed by another until there were enough kills. */
  readonly steps: number;
  /** Whether the program itself is asked for the list of checkpoints each time. */
  readonly asksProgram: boolean;
}

export interface KillFigures {
  kills: number;
  /** Those that left something of a save. */
  inSaves: number;
  /** Those before the first checkpoint of a process. */
  beforeSaves: number;
  /** How often training went on from a checkpoint, each time from the last. */
  resumed: number;
  /** Checkpoints that were listed after the kills, loaded, and compared with an undisturbed run's. */
  loaded: number;
  /** Runs that were brought to their end, and compared. */
  runs: number;
  /** The most leftovers in a directory at once. */
  leftovers: number;
}

const SIZE = '--hidden 8 --embedding 4 --layers 1 --dropout 0.2 --batch-size 4 --bptt 8';
const HOW = '--sample-every 0 --eval-every 7 --save-every 1 --backend wasm --threads 1';
const KEEP = 2;

/** Throws where a killed run is not whole, or ends as another. */
export async function killAndResume(
  options: KillOptions,
  log: (line: string) => void,
): Promise<KillFigures> {
  const root = await mkdtemp(join(tmpdir(), 'gru-lm-kills-'));
  try {
    return await new Kills(root, options, log).all();
  } finally {
    await rm(root, { recursive: true });
  }
}

class Kills {
  readonly #root: string;
  readonly #options: KillOptions;
  readonly #log: (line: string) => void;
  readonly #random: Random;
  readonly #corpus: string;
  readonly #reference: string;
  readonly #figures: KillFigures = {
    kills: 0,
    inSaves: 0,
    beforeSaves: 0,
    resumed: 0,
    loaded: 0,
    runs: 0,
    leftovers: 0,
  };

  constructor(root: string, options: KillOptions, log: (line: string) => void) {
    this.#root = root;
    this.#options = options;
    this.#log = log;
    this.#random = new Random(options.seed);
    this.#corpus = join(root, 'corpus.txt');
    this.#reference = join(root, 'undisturbed');
  }

  async all(): Promise<KillFigures> {
    const lines = Array.from(
      { length: 60 },
      (_, i) => `the fox ${(i * 7) % 13} jumps over the dog\n`,
    );
    await writeFile(this.#corpus, lines.join(''));
    await this.#train(this.#reference, { resume: false, keep: this.#options.steps });
    while (this.#figures.kills < this.#options.kills) {
      const run = join(this.#root, `run-${this.#figures.runs + 1}`);
      await this.#killUntilDone(run);
      await this.#compareEnd(run);
      this.#log(JSON.stringify(this.#figures));
    }
    return this.#figures;
  }

  /** Trains in `run` to the end, killed again and again as long as kills are left. */
  async #killUntilDone(run: string): Promise<void> {
    await mkdir(run);
    let session: Session;
    do {
      const isLeft = this.#figures.kills < this.#options.kills;
      const before = await look(run);
      const from = await this.#lastStep(run, before);
      const kill = isLeft ? randomKill(this.#random) : undefined;
      session = await this.#train(run, { resume: from !== null, keep: KEEP }, kill);
      if (session.resumedAtStep !== undefined) {
        const found = `${session.resumedAtStep}`;
        expect(session.resumedAtStep === from, `training to go on from step ${from}`, found);
        if (from !== null) this.#figures.resumed += 1;
      }
      if (session.isKilled) await this.#inspect(run, session, before);
    } while (session.isKilled);
  }

  #train(
    run: string,
    { resume, keep }: { resume: boolean; keep: number },
    kill?: Kill,
  ): Promise<Session> {
    const begin = `${SIZE} --max-steps ${this.#options.steps} --keep ${keep}`.split(' ');
    const args = [this.#corpus, '--out', run, ...HOW.split(' ')];
    return mkdir(run, { recursive: true }).then(() =>
      train([...args, ...(resume ? ['--resume'] : begin)], run, kill),
    );
  }

  async #inspect(run: string, { pid, savedSteps }: Session, before: RunState): Promise<void> {
    const figures = this.#figures;
    const state = await look(run);
    figures.kills += 1;
    if (savedSteps.length === 0) figures.beforeSaves += 1;
    const isNew = (name: string) => ![...before.asides, ...before.unnamed].includes(name);
    if ([...state.asides, ...state.unnamed].some(isNew)) figures.inSaves += 1;
    figures.leftovers = Math.max(figures.leftovers, state.leftovers.length);
    if (savedSteps.length > 1) {
      const older = state.leftovers.filter((name) => !name.startsWith(`.tmp-${pid}-`));
      expect(older.length === 0, 'a save to remove what others left', older.join(', '));
    }
    const last = (await this.#lastStep(run, state)) ?? 0;
    const saved = savedSteps.at(-1) ?? 0;
    expect(last >= saved, `step ${saved}, which was saved, or a later one`, `step ${last}`);
    for (const name of state.checkpoints) {
      await loadAndCompare(join(run, name), this.#reference);
      figures.loaded += 1;
    }
    if (!state.hasRecord) return;
    if (this.#options.asksProgram) {
      const listed = (await listByProgram(run)).map(({ name }) => name).sort();
      const found = listed.join(', ');
      expect(found === state.checkpoints.join(', '), `${state.checkpoints} to be listed`, found);
    }
    await expectVerified(run);
  }

  /** The step that training would go on from; null if it would begin. */
  async #lastStep(run: string, { checkpoints }: RunState): Promise<number | null> {
    const record = await readRunRecord(run);
    const name = record?.last ?? checkpoints.at(-1);
    return name === undefined ? null : stepOfName(name)!.step;
  }

  async #compareEnd(run: string): Promise<void> {
    const { checkpoints, leftovers } = await look(run);
    expect(leftovers.length === 0, 'no leftovers in a finished run', leftovers.join(', '));
    const count = `${checkpoints.length} checkpoints`;
    expect(checkpoints.length <= KEEP + 1, `${KEEP} checkpoints and the best`, count);
    for (const name of checkpoints) await loadAndCompare(join(run, name), this.#reference);
    const [history, whole] = [await untimedHistory(run), await untimedHistory(this.#reference)];
    expect(history === whole, 'the history of the undisturbed run', history);
    await expectVerified(run);
    this.#figures.runs += 1;
  }
}

async function expectVerified(run: string): Promise<void> {
  for await (const { path, problem } of verify(run)) {
    expect(problem === undefined, `${path} to be whole`, `${problem?.message}`);
  }
}

export const scenario: Scenario = {
  name: 'kills',
  async run(log) {
    const options = { kills: 200, seed: 1, steps: 40, asksProgram: true };
    const figures = await killAndResume(options, log);
    return [
      ['trainers killed (SIGKILL)', `${figures.kills}`],
      ['of them in a save, by what they left', `${figures.inSaves}`],
      ['of them before their first save', `${figures.beforeSaves}`],
      [
        'checkpoints listed after the kills: all load, and are those of an undisturbed run byte for byte',
        `${figures.loaded}`,
      ],
      ['times that training went on, from the last checkpoint', `${figures.resumed}`],
      ['runs brought to their end, and compared with an undisturbed one', `${figures.runs}`],
      ['most leftovers of killed processes in a directory at once', `${figures.leftovers}`],
    ];
  },
};
