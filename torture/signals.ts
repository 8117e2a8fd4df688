/**
 * Ends `gru-lm train` by each signal in each phase of its work: the exit code and the time to the exit
 * are as they should be, nothing half-done is left, and what was trained is saved and goes on.
 */

import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../src/random.ts';
import type { FigureRow, Scenario } from './scenario.ts';
import { canProvision, PHASES, type Phase, preparePhase } from './signals/phases.ts';
import { type Ended, runProgram } from './signals/program.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const;
export type EndingSignal = keyof typeof EXIT_CODES;

/** How large the model and the texts are. */
export interface Sizes {
  readonly model: readonly string[];
  /** Of the text to train on. */
  readonly characters: number;
  /** Of the text whose tokens are learned. */
  readonly words: number;
  /** What the time after which a signal comes is multiplied by. */
  readonly pace: number;
}

export interface Cell {
  readonly phase: Phase;
  readonly signal: EndingSignal;
}

export interface Outcome extends Cell {
  readonly seconds: number;
  /** The step that was saved; undefined: none was taken. */
  readonly savedStep: number | undefined;
}

/** Ends a run of its own for each of `cells`; throws where one does not end as it should. */
export async function endBySignals(
  cells: readonly Cell[],
  sizes: Sizes,
  { seed = 1, log = () => {} }: { seed?: number; log?: (line: string) => void } = {},
): Promise<Outcome[]> {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-signals-'));
  const random = new Random(seed);
  const outcomes: Outcome[] = [];
  try {
    writeTexts(directory, sizes, random);
    for (const [i, cell] of cells.entries()) {
      const outcome = await endOne(cell, join(directory, `run-${i}`), sizes, random);
      log(`${cell.phase}, ${cell.signal}: ${outcome.seconds.toFixed(2)} s, ${outcome.savedStep}`);
      outcomes.push(outcome);
    }
    return outcomes;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function endOne(
  { phase, signal }: Cell,
  run: string,
  sizes: Sizes,
  random: Random,
): Promise<Outcome> {
  mkdirSync(run);
  const place = await preparePhase(phase, run);
  try {
    const isEarly = phase === 'vocabulary' || phase === 'tokens';
    const text = isEarly ? '../words.txt' : '../text.txt';
    const backend = phase === 'fetch' || phase === 'build' ? 'cpu' : 'wasm';
    const args = ['train', text, ...sizes.model, '--backend', backend, '--out', 'out', '--json'];
    const delayMs = random.uniform() * PHASES[phase] * sizes.pace;
    const moment = { signal, isReached: place.isReached, delayMs };
    const ended = await runProgram([...args, ...place.flags], run, { env: place.env, moment });
    const what = `${phase}, ${signal} after ${delayMs.toFixed(0)} ms:`;
    if (ended.seconds === undefined) throw new Error(`${what} ended before\n${ended.stderr}`);
    assert.equal(ended.exitCode, EXIT_CODES[signal], `${what} ${ended.stderr}`);
    await place.assertClean();
    return { phase, signal, seconds: ended.seconds, savedStep: await goOn(ended, run, what) };
  } finally {
    place.close();
  }
}

/** Goes on with a run that has begun; returns the step that it had saved. */
async function goOn({ stdout }: Ended, run: string, what: string): Promise<number | undefined> {
  const steps = events(stdout).filter(({ event }) => event === 'step');
  if (steps.length === 0) return undefined;
  const info = await runProgram(['info', 'out/last', '--json'], run);
  assert.equal(info.exitCode, 0, `${what} ${info.stderr}`);
  const { step } = JSON.parse(info.stdout) as { step: number };
  assert.equal(step, steps.at(-1)?.step, `${what} the last step is not saved`);
  const more = ['--resume', '--out', 'out', '--max-steps', String(step + 1), '--json'];
  const resumed = await runProgram(['train', '../text.txt', ...more, '--backend', 'wasm'], run);
  assert.equal(resumed.exitCode, 0, `${what} ${resumed.stderr}`);
  assert.equal(events(resumed.stdout).at(-1)?.step, step + 1, what);
  return step;
}

function writeTexts(directory: string, { characters, words }: Sizes, random: Random): void {
  const letters = 'etaoinshrdlucmfwypvbgkjqxz';
  const word = () =>
    Array.from({ length: 3 + random.integer(10) }, () => letters[random.integer(26)]).join('');
  const lines = Array.from({ length: Math.ceil(words / 12) }, () =>
    Array.from({ length: 12 }, word).join(' '),
  );
  writeFileSync(join(directory, 'words.txt'), `${lines.join('\n')}\n`);
  const text = Array.from({ length: Math.ceil(characters / 40) }, (_, i) => `the fox ${i} jumps`);
  writeFileSync(join(directory, 'text.txt'), `${text.join(' over it\n')}\n`);
}

type Event = { readonly event: string; readonly step?: number; readonly tokensPerSecond?: number };

function events(stdout: string): Event[] {
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Event);
}

/** A model whose step takes long on wasm: {@link STEP_TOKENS} tokens. */
const LARGE: Sizes = {
  model: [
    ...['--hidden', '512', '--embedding', '64', '--layers', '2'],
    ...['--batch-size', '16', '--bptt', '64'],
  ],
  characters: 60_000,
  words: 5_000_000,
  pace: 1,
};
const STEP_TOKENS = 16 * 64;
const REPETITIONS = 3;
const ALLOWED_SECONDS = 5;

export const scenario: Scenario = {
  name: 'signals',
  async run(log) {
    const phases = (Object.keys(PHASES) as Phase[]).filter(
      (phase) => (phase !== 'fetch' && phase !== 'build') || canProvision(),
    );
    const signals = Object.keys(EXIT_CODES) as EndingSignal[];
    const once = phases.flatMap((phase) => signals.map((signal) => ({ phase, signal })));
    const cells = Array.from({ length: REPETITIONS }, () => once).flat();
    const stepSeconds = await measureStep();
    log(`a step takes ${stepSeconds.toFixed(2)} s`);
    const outcomes = await endBySignals(cells, LARGE, { log });
    const rows: FigureRow[] = [
      ['runs ended by a signal', `${outcomes.length}, all with exit code 130 or 143`],
      ['a step of their model', `${stepSeconds.toFixed(2)} s`],
    ];
    for (const phase of phases) {
      const seconds = outcomes.filter((each) => each.phase === phase).map((each) => each.seconds);
      const slowest = Math.max(...seconds);
      assert.ok(slowest <= stepSeconds + ALLOWED_SECONDS, `${phase}: ${slowest} s`);
      rows.push([`slowest exit in ${phase}`, `${slowest.toFixed(2)} s of ${seconds.length}`]);
    }
    const saved = outcomes.filter(({ savedStep }) => savedStep !== undefined).length;
    rows.push(['saved at their last step, and gone on from there', `${saved} of ${saved}`]);
    return rows;
  },
};

/** Seconds of the slowest of a few steps. */
async function measureStep(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-signals-'));
  try {
    writeTexts(directory, { ...LARGE, words: 0 }, new Random(1));
    const args = ['--max-steps', '4', '--backend', 'wasm', '--sample-every', '0', '--json'];
    const run = await runProgram(['train', 'text.txt', ...LARGE.model, ...args], directory);
    const speeds = events(run.stdout).flatMap((event) => event.tokensPerSecond ?? []);
    return STEP_TOKENS / Math.min(...speeds);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
