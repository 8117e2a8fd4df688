import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import {
  type CliResult,
  jsonLines,
  runCli,
  TINY,
  temporaryDirectory,
  whenShown,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();

beforeAll(() => writeCorpus(cwd));

test('a second trainer of a run is refused, until the first is gone', async () => {
  const train = ['train', 'corpus.txt', ...TINY, '--out', 'run', '--backend', 'wasm'];
  let pid: number | undefined;
  let refusals: Promise<CliResult[]> | undefined;
  const first = await runCli([...train, '--max-time', '1h', '--save-every', '1', '--json'], {
    cwd,
    onOutput: whenShown('"event":"checkpoint"', (child) => {
      pid = child.pid;
      const others = ['--resume', '--overwrite'].map((flag) => runCli([...train, flag], { cwd }));
      refusals = Promise.all(others).finally(() => child.kill('SIGKILL'));
    }),
  });
  expect(first).toMatchObject({ exitCode: 137, stderr: '' });
  for (const { exitCode, stdout, stderr } of (await refusals)!) {
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(
        `^error: expected a run that nothing else writes, found run in use by process ${pid} on ` +
          `${hostname()} since \\d{4}-\\d\\d-\\d\\dT\\S+Z\\n` +
          '  Wait until it ends, stop it, or give another directory with --out\\.\\n$',
        'm',
      ),
    );
  }

  expect(readdirSync(join(cwd, 'run'))).toContain('.lock');
  const steps = `${(jsonLines(`${first.stdout}\n`).at(-1)?.step as number) + 5}`;
  const resumed = await runCli([...train, '--resume', '--max-steps', steps, '--json'], { cwd });
  expect(resumed).toMatchObject({ exitCode: 0, stderr: '' });
  for (const name of readdirSync(join(cwd, 'run'))) {
    expect(name).toMatch(/^(run\.json|history\.csv|step-\d+)$/);
  }
});
