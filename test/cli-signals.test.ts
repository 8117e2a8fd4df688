import { beforeAll, describe, expect, test } from 'vitest';
import {
  jsonLines,
  listTree,
  runCli,
  TINY,
  temporaryDirectory,
  whenShown,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();
const long = ['train', 'corpus.txt', ...TINY, '--max-time', '60s', '--backend', 'wasm'];
const STEP_3 = '"event":"step","step":3,';

beforeAll(() => writeCorpus(cwd));

describe('a signal while a run is training', () => {
  test.concurrent.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s: it saves, says how to go on, and does', async ([signal, exitCode]) => {
    const result = await runCli([...long, '--out', signal, '--json'], {
      cwd,
      onOutput: whenShown(STEP_3, (child) => child.kill(signal)),
    });
    expect(result).toMatchObject({ exitCode, stderr: '' });
    const [checkpoint, stopped] = jsonLines(result.stdout).slice(-2);
    expect(checkpoint).toMatchObject({ event: 'checkpoint', step: stopped?.step });
    expect(stopped).toMatchObject({ event: 'stopped', path: signal });
    const steps = String((stopped?.step as number) + 2);
    const flags = ['--resume', '--out', signal, '--max-steps', steps, '--backend', 'wasm'];
    const resumed = await runCli(['train', 'corpus.txt', ...flags], { cwd });
    expect(resumed.exitCode).toBe(0);
    expect(resumed.stderr).toContain(`going on from step ${stopped?.step}\n`);
    expect(resumed.stdout).toMatch(new RegExp(`^done: ${steps} steps`));
  });

  test('the message names --resume', async () => {
    const { exitCode, stdout, stderr } = await runCli(
      [...long, '--out', 'message', '--eval-every', '1'],
      { cwd, onOutput: whenShown('step 2  validation', (child) => child.kill('SIGINT')) },
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr).toMatch(/\nstopped at step \d+; saved in message: go on with --resume\n$/);
  });

  test('signal upon signal ends it at once, and what was saved stays whole', async () => {
    let timer: NodeJS.Timeout | undefined;
    const args = [...long, '--hidden', '512', '--save-every', '2', '--out', 'again', '--json'];
    const { exitCode, stderr } = await runCli(args, {
      cwd,
      onOutput: whenShown(STEP_3, (child) => {
        timer = setInterval(() => child.kill('SIGINT'), 2);
      }),
    });
    clearInterval(timer);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: '' });
    const flags = ['--resume', '--out', 'again', '--max-steps', '5', '--backend', 'wasm'];
    const next = await runCli(['train', 'corpus.txt', ...flags], { cwd });
    expect(next.exitCode).toBe(0);
  });
});

describe('a signal before there is anything to save', () => {
  test('writes nothing, and does not wait for the end of standard input', async () => {
    const before = listTree(cwd);
    const result = await runCli(['train', '-', ...TINY], {
      cwd,
      input: null,
      // More than a pipe holds: when it is written, the program is reading.
      onStart: (child) => child.stdin?.write('x'.repeat(2e6), () => child.kill('SIGTERM')),
    });
    expect(result).toEqual({ exitCode: 143, stdout: '', stderr: '' });
    expect(listTree(cwd)).toEqual(before);
  });
});
