import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { putFile } from '../torture/bad-files/mutations.ts';
import { jsonLines, runCli, temporaryDirectory, trainTiny, writeCorpus } from './cli-process.ts';

const cwd = temporaryDirectory();
const PARTS = [
  'weights.safetensors',
  'optimizer.safetensors',
  'state.safetensors',
  'training.json',
];

/** A run of steps 10 (the best that was kept), 20 and 30. */
beforeAll(async () => {
  writeCorpus(cwd);
  await trainTiny(cwd, ['--max-steps', '30', '--keep', '3', '--out', 'run']);
});

/** A copy of the run in which these files have a bit of theirs changed. */
function damagedCopy(name: string, ...files: string[]): string {
  cpSync(join(cwd, 'run'), join(cwd, name), { recursive: true });
  for (const file of files) {
    const path = join(cwd, name, file);
    const bytes = readFileSync(path);
    bytes[bytes.length - 3]! ^= 1;
    writeFileSync(path, bytes);
  }
  return name;
}

const filesOf = (run: string) => readdirSync(join(cwd, run)).sort();
const bytesOf = (run: string, step: string) =>
  PARTS.map((part) => readFileSync(join(cwd, run, step, part)).toString('base64'));

describe('--resume', () => {
  const resume = (run: string, ...flags: string[]) =>
    runCli(['train', 'corpus.txt', '--resume', '--out', run, '--backend', 'wasm', ...flags], {
      cwd,
    });

  test.concurrent('goes on from the checkpoint before a damaged one, says so, and ends the same', async () => {
    const run = damagedCopy('before', 'step-00000030/weights.safetensors');
    const { exitCode, stderr } = await resume(run);
    expect(stderr).toMatch(
      /step-00000030 is damaged \(weights\.safetensors: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}\): going on from step-00000020/,
    );
    expect(exitCode).toBe(0);
    expect(filesOf(run)).toEqual(
      expect.arrayContaining(['damaged-step-00000030', 'step-00000030']),
    );
    expect(bytesOf(run, 'step-00000030')).toEqual(bytesOf('run', 'step-00000030'));
  });

  test.concurrent('does without a run.json that is damaged, and gives the reason to programs', async () => {
    const run = damagedCopy('record', 'run.json', 'step-00000030/clock.json');
    const { exitCode, stdout } = await resume(run, '--json');
    expect(exitCode).toBe(0);
    const events = jsonLines(stdout);
    expect(events[0]).toMatchObject({ event: 'start', resumedAtStep: 20 });
    const warnings = events.filter(({ event }) => event === 'warning');
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^run\.json is damaged \(expected .*\): going on from step-00000020$/),
      expect.stringMatching(/^step-00000030 is damaged \(clock\.json: expected SHA-256/),
    ]);
    expect(JSON.parse(readFileSync(join(cwd, run, 'run.json'), 'utf8'))).toMatchObject({
      last: 'step-00000030',
    });
  });

  test.concurrent('says what is damaged where nothing is whole, and leaves all as it is', async () => {
    const steps = ['step-00000010', 'step-00000020', 'step-00000030'];
    const run = damagedCopy('all', ...steps.map((step) => `${step}/state.safetensors`));
    const before = filesOf(run);
    const { exitCode, stderr } = await resume(run);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /error: all\/step-00000030\/state\.safetensors: expected SHA-256 .*, and 2 more that are damaged\n {2}.*gru-lm info --verify all/,
    );
    expect(filesOf(run)).toEqual(before);
  });
});

describe('info', () => {
  const info = (...args: string[]) => runCli(['info', ...args], { cwd });

  test.concurrent('lists the checkpoints of a run', async () => {
    const { stdout } = await info('run');
    expect(stdout).toMatch(
      /checkpoints\nstep-00000010 +saved \S+Z( {2}best)?\nstep-00000020 +saved \S+Z( {2}best)?\nstep-00000030 +saved \S+Z {2}(best, )?last\n$/,
    );
    const { checkpoints } = JSON.parse((await info('run', '--json')).stdout);
    expect(checkpoints).toHaveLength(3);
    expect(checkpoints[2]).toEqual({
      name: 'step-00000030',
      step: 30,
      created: expect.stringMatching(/Z$/),
      best: expect.any(Boolean),
      last: true,
    });
    for (const { name } of checkpoints) {
      expect((await info(`run/${name}`)).exitCode).toBe(0);
    }
  });

  test.concurrent('--verify tells which are whole', async () => {
    expect(await info('--verify', 'run')).toEqual({
      exitCode: 0,
      stdout: `run.json          whole\n${[10, 20, 30].map((n) => `step-000000${n}     whole\n`).join('')}`,
      stderr: '',
    });
    const run = damagedCopy('verified', 'step-00000020/optimizer.safetensors');
    const { exitCode, stdout, stderr } = await info('--verify', run);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^run\.json +whole\nstep-00000010 +whole\nstep-00000020 +optimizer\.safetensors: expected SHA-256 .*\nstep-00000030 +whole\n$/,
    );
    expect(stderr).toMatch(
      /^error: expected all 4 to be whole, found 1 damaged: verified\/step-00000020\n {2}Use a checkpoint that is whole/,
    );
    const json = await info('--verify', '--json', run);
    expect(jsonLines(json.stdout).map(({ path, whole }) => [path, whole])).toEqual([
      ['verified/run.json', true],
      ['verified/step-00000010', true],
      ['verified/step-00000020', false],
      ['verified/step-00000030', true],
    ]);
  });

  test.concurrent('--verify takes one checkpoint, also without a run', async () => {
    cpSync(join(cwd, 'run', 'step-00000020'), join(cwd, 'alone'), { recursive: true });
    expect(await info('--verify', 'alone')).toMatchObject({
      exitCode: 0,
      stdout: 'alone             whole\n',
    });
    rmSync(join(cwd, 'alone', 'clock.json'));
    expect(await info('--verify', 'alone')).toMatchObject({
      exitCode: 1,
      stdout: 'alone             expected the file clock.json, found none\n',
    });
    mkdirSync(join(cwd, 'nothing'));
    expect((await info('--verify', 'nothing')).stderr).toContain('found neither at nothing');
  });
});

test.concurrent.for([['sample'], ['eval'], ['info'], ['tokenize', 'corpus.txt', '--checkpoint']])(
  '%s of a damaged run names one that looks whole',
  async (command) => {
    const run = damagedCopy(`for-${command[0]}`, 'run.json');
    const { exitCode, stderr } = await runCli([...command, run], { cwd });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        `^error: ${run}/run\\.json: expected .*\\n  gru-lm info --verify ${run} says what is damaged; ${run}/step-00000030 looks whole and can be named\\.\\n$`,
      ),
    );
  },
);

describe.runIf(process.platform !== 'win32')('a checkpoint that names a pipe as its text', () => {
  /** A copy of the run in which a part of the last checkpoint is changed, and its hash with it. */
  function changedCopy(name: string, file: string, change: (text: string) => string): string {
    const run = damagedCopy(name);
    const checkpoint = join(cwd, run, 'step-00000030');
    const text = readFileSync(join(checkpoint, file), 'utf8');
    putFile(checkpoint, file, Buffer.from(change(text)));
    return run;
  }
  beforeAll(() => execFileSync('mkfifo', [join(cwd, 'pipe')]));

  test.concurrent('is not waited for by eval', async () => {
    const run = changedCopy('piped', 'training.json', (text) =>
      text.replace('"corpus.txt"', '"pipe"').replace('"../corpus.txt"', '"../pipe"'),
    );
    const { exitCode, stderr } = await runCli(['eval', `${run}/last`], { cwd });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/expected the run’s corpus where it was \(pipe\)/);
  });

  test.concurrent('is not waited for by --resume', async () => {
    const run = changedCopy('piped-valid', 'config.json', (text) =>
      text.replace('"newlines"', '"valid": "pipe",\n "newlines"'),
    );
    const args = ['train', 'corpus.txt', '--resume', '--out', run, '--backend', 'wasm'];
    const { exitCode, stderr } = await runCli(args, { cwd });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/expected a text file, found what can be read only once at pipe/);
  });
});
