/** Runs the program as a user does: a process of its own, in a directory of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { PROGRAM } from '../torture/program.ts';

export interface CliResult {
  /** As a shell gives it: 128 and its number for a signal that ended the process. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  env?: Record<string, string | undefined>;
  /** What standard input holds, null to leave it open; without it there is none. */
  input?: string | null;
  onStart?: (child: ChildProcess) => void;
  /** Called with all output so far, whenever more of it comes. */
  onOutput?: (output: string, child: ChildProcess) => void;
}

/** Runs `gru-lm` with `args` to its end. */
export function runCli(args: string[], options: CliOptions): Promise<CliResult> {
  return runProcess(process.execPath, [PROGRAM, ...args], options);
}

/** `gru-lm` with `args` as a word for a shell. */
export function shellCommand(args: string[]): string {
  return [process.execPath, PROGRAM, ...args]
    .map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`)
    .join(' ');
}

/** Whether {@link runOnTerminal} can run here. */
export const hasTerminal =
  spawnSync('script', ['--version']).stdout?.includes('util-linux') === true;

/** Runs `gru-lm` on a terminal of its own; `stdout` is all that it shows there. */
export function runOnTerminal(
  args: string[],
  { columns = 80, ...options }: CliOptions & { columns?: number },
): Promise<CliResult> {
  const command = `stty cols ${columns} rows 24; ${shellCommand(args)}`;
  return runProcess('script', ['-qec', command, '/dev/null'], options);
}

/** Runs a program to its end, without the colours that the tests' own environment may ask for. */
export function runProcess(
  program: string,
  args: string[],
  { cwd, env = {}, input, onStart, onOutput }: CliOptions,
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      stdout += piece;
      onOutput?.(stdout + stderr, child);
    });
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      stderr += piece;
      onOutput?.(stdout + stderr, child);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const exitCode = code ?? 128 + constants.signals[signal as NodeJS.Signals];
      resolve({ exitCode, stdout, stderr });
    });
    // A program that fails before it has read all of its input closes the pipe.
    child.stdin?.on('error', () => undefined);
    if (input !== null) child.stdin?.end(input);
    onStart?.(child);
  });
}

/** For `onOutput`: calls `act` once, when `text` has come. */
export function whenShown(
  text: string,
  act: (child: ChildProcess) => void,
): (output: string, child: ChildProcess) => void {
  let done = false;
  return (output, child) => {
    if (done || !output.includes(text)) return;
    done = true;
    act(child);
  };
}

/** A directory that is there until the file's tests are done. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-cli-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Every file and directory under `directory`, with sizes and times: equal if nothing was written. */
export function listTree(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { size, mtimeMs } = statSync(join(directory, name));
      return `${name} ${size} ${mtimeMs}`;
    })
    .sort();
}

const ADJECTIVES = ['quick', 'brown', 'lazy', 'red'];

/** A text with something to learn in it; about 34 characters a line. */
export function sampleText(lines = 60): string {
  return Array.from(
    { length: lines },
    (_, i) => `the ${ADJECTIVES[i % 4]} fox ${(i * 7) % 13} jumps over the dog\n`,
  ).join('');
}

/** Writes {@link sampleText} to `corpus.txt` in `directory`. */
export function writeCorpus(directory: string, lines?: number): void {
  writeFileSync(join(directory, 'corpus.txt'), sampleText(lines));
}

/** A model and a run so small that the process takes longer to start than to train. */
export const TINY = [
  ...['--hidden', '8', '--embedding', '4', '--layers', '1', '--batch-size', '4', '--bptt', '8'],
  ...['--sample-every', '0'],
];

/** A line of `--json`. */
export type JsonLine = Record<string, unknown> & { event: string };

/** Reads standard output that must be one JSON object a line and nothing else. */
export function jsonLines(stdout: string): JsonLine[] {
  expect(stdout.endsWith('\n')).toBe(true);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonLine);
}

/** Trains a tiny model on `corpus.txt` in `cwd`, 20 steps on wasm unless `args` say otherwise. */
export async function trainTiny(cwd: string, args: string[] = []): Promise<JsonLine[]> {
  const limit = args.some((arg) => /^--(max-steps|max-time|epochs)$/.test(arg))
    ? []
    : ['--max-steps', '20'];
  const backend = args.includes('--backend') ? [] : ['--backend', 'wasm'];
  const flags = [...TINY, ...limit, ...backend, '--eval-every', '10', '--json', ...args];
  const result = await runCli(['train', 'corpus.txt', ...flags], { cwd });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return jsonLines(result.stdout);
}

/** A run's `run.json`, and the path of the checkpoint that it calls `last`. */
export function lastCheckpoint(run: string): string {
  const { last } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as { last: string };
  return join(run, last);
}
