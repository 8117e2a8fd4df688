import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import {
  hasTerminal,
  jsonLines,
  listTree,
  runCli,
  runProcess,
  shellCommand,
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
    ['SIGHUP', 143],
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

  test.for([
    ['Ctrl-C that npm passes on as well', 'SIGINT', 130],
    ['a terminal that hangs up as its shell does', 'SIGHUP', 143],
  ] as const)('%s is one signal', async ([, signal, exitCode]) => {
    const out = `twice-${signal}`;
    const result = await runCli([...long, '--out', out, '--json'], {
      cwd,
      onOutput: whenShown(STEP_3, (child) => {
        child.kill(signal);
        child.kill(signal);
      }),
    });
    expect(result).toMatchObject({ exitCode, stderr: '' });
    expect(jsonLines(result.stdout).at(-1)).toMatchObject({ event: 'stopped', path: out });
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

  test.runIf(hasTerminal)('a terminal that goes away: it saves, and crashes nowhere', async () => {
    const command = shellCommand([...long, '--out', 'hangup', '--eval-every', '2', '--no-color']);
    const ended = join(cwd, 'hangup-ended');
    // The shell that the terminal belongs to dies of it; the one below notes how the program ended.
    writeFileSync(join(cwd, 'hangup.sh'), `trap : HUP\n${command}\necho $? > hangup-ended\n`);
    await runProcess('script', ['-qec', 'bash hangup.sh; true', '/dev/null'], {
      cwd,
      onOutput: whenShown('step 4  validation', (child) => child.kill('SIGKILL')),
    });
    await vi.waitFor(() => expect(readFileSync(ended, 'utf8')).toBe('143\n'), 60_000);
    const { step } = JSON.parse(
      (await runCli(['info', 'hangup/last', '--json'], { cwd })).stdout,
    ) as { step: number };
    expect(step).toBeGreaterThanOrEqual(4);
  });
});

describe('a second signal', () => {
  test('ends the process though its event loop is held', async () => {
    const program = `
      import { setTimeout as sleep } from 'node:timers/promises';
      import { listenForInterruption } from '${new URL('../src/interruption.ts', import.meta.url)}';
      const { signal } = listenForInterruption();
      process.stdout.write('listening');
      while (!signal.aborted) await sleep(10);
      await sleep(1000);
      process.stdout.write('held');
      for (;;);
    `;
    const { exitCode } = await runProcess(
      process.execPath,
      ['--import', 'tsx', '--input-type', 'module', '--eval', program],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        onOutput: (output, child) => {
          if (output === 'listening') child.kill('SIGINT');
          if (output.endsWith('held')) child.kill('SIGTERM');
        },
      },
    );
    expect(exitCode).toBe(143);
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
