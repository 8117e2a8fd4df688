import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runCli, TINY, temporaryDirectory, writeCorpus } from './cli-process.ts';

const cwd = temporaryDirectory();

beforeAll(() => writeCorpus(cwd));

async function train(flags: string[]): Promise<void> {
  const always = ['--out', 'run', '--backend', 'wasm', '--quiet'];
  const { exitCode, stderr } = await runCli(['train', 'corpus.txt', ...always, ...flags], { cwd });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
}

function stepsThere(): number[] {
  const names = readdirSync(join(cwd, 'run')).filter((name) => name.startsWith('step-'));
  return names.map((name) => Number(/^step-(\d{8})$/.exec(name)?.[1])).sort((a, b) => a - b);
}

test('--keep N keeps the N last checkpoints and the best; another N thins them out', async () => {
  const every = ['--save-every', '2', '--eval-every', '4'];
  await train([...TINY, ...every, '--max-steps', '4', '--keep', '3']);
  expect(stepsThere()).toEqual([2, 4]);

  // At this rate the model gets worse, so that the best one is none of the last.
  await train(['--resume', '--max-steps', '14', '--lr', '3', '--lr-decay', 'none']);
  expect(stepsThere()).toEqual([4, 10, 12, 14]);
  const info = await runCli(['info', 'run', '--json'], { cwd });
  expect(JSON.parse(info.stdout)).toMatchObject({
    path: 'run/step-00000004',
    checkpoints: [
      { step: 4, best: true, last: false },
      { step: 10, best: false, last: false },
      { step: 12, best: false, last: false },
      { step: 14, best: false, last: true },
    ],
  });
  const text = await runCli(['info', 'run'], { cwd });
  expect(text.stdout).toMatch(/\nstep-00000004 .* best\n(step-.*\n){2}step-00000014 .* last\n$/);

  await train(['--resume', '--max-steps', '16', '--keep', '1']);
  expect(stepsThere()).toEqual([4, 16]);
});
