import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type JsonLine,
  jsonLines,
  runCli,
  TINY,
  temporaryDirectory,
  trainTiny,
  whenShown,
  writeCorpus,
} from './cli-process.ts';
import { hasPinnedPython } from './support/python.ts';
import { readEvents } from './support/tensorboard.ts';

const cwd = temporaryDirectory();
beforeAll(() => writeCorpus(cwd));

/** A run's `history.csv` as cells. */
function historyOf(run: string): string[][] {
  const text = readFileSync(join(cwd, run, 'history.csv'), 'utf8');
  expect(text.endsWith('\r\n')).toBe(true);
  return text
    .slice(0, -2)
    .split('\r\n')
    .map((line) => line.split(','));
}

/** Without the two columns that depend on how fast the machine was. */
function untimed(cells: string[][]): string[][] {
  return cells.map((row) => row.slice(0, -2));
}

describe('a run that was stopped and goes on', () => {
  const flags = ['--max-steps', '40', '--eval-every', '15', '--save-every', '10'];
  let events: JsonLine[];

  beforeAll(async () => {
    events = await trainTiny(cwd, ['--out', 'whole', '--tensorboard', 'events/whole', ...flags]);
    const args = ['train', 'corpus.txt', ...TINY, ...flags, '--backend', 'wasm', '--json'];
    const stopped = await runCli([...args, '--out', 'parts', '--tensorboard'], {
      cwd,
      onOutput: whenShown('"event":"step","step":17,', (child) => child.kill('SIGINT')),
    });
    expect(stopped.exitCode).toBe(130);
    const resume = ['train', 'corpus.txt', '--resume', '--out', 'parts', '--backend', 'wasm'];
    const resumed = await runCli([...resume, '--tensorboard', '--quiet'], { cwd });
    expect(resumed).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('has the history of one that was not, which is what the events told', () => {
    const rows = historyOf('whole');
    expect(untimed(historyOf('parts'))).toEqual(untimed(rows));
    const steps = events.filter(({ event }) => event === 'step');
    const validations = new Map(
      events.filter(({ event }) => event === 'eval').map((event) => [event.step, event]),
    );
    expect(rows[0]?.join()).toMatch(/^step,epoch,train_loss,valid_nats,valid_perplexity,/);
    expect(rows.slice(1)).toEqual(
      steps.map(({ step, epoch, loss, learningRate, gradientNorm, ...speed }) => {
        const { natsPerToken = '', perplexity = '' } = validations.get(step) ?? ({} as JsonLine);
        const { tokensPerSecond, elapsedSeconds } = speed;
        const cells = [step, epoch, loss, natsPerToken, perplexity, learningRate, gradientNorm];
        return [...cells, tokensPerSecond, elapsedSeconds].map(String);
      }),
    );
  });

  test.runIf(hasPinnedPython)('has each step once in TensorBoard', async () => {
    const whole = await readEvents(join(cwd, 'events', 'whole'));
    const parts = await readEvents(join(cwd, 'parts', 'tensorboard'));
    const steps = Array.from({ length: 40 }, (_, i) => i + 1);
    for (const tag of ['loss/train', 'learning_rate', 'gradient_norm']) {
      expect(whole.scalars[tag]?.map(([step]) => step)).toEqual(steps);
      expect(parts.scalars[tag]).toEqual(whole.scalars[tag]);
    }
    expect(parts.scalars['loss/validation']).toEqual(whole.scalars['loss/validation']);
    expect(parts.scalars['loss/validation']?.map(([step]) => step)).toEqual([15, 30, 40]);
  });
});

test('a run that replaces another leaves no events but its own, and those of others', async () => {
  const events = ['--tensorboard', 'shared'];
  await trainTiny(cwd, ['--out', 'first', ...events]);
  await trainTiny(cwd, ['--out', 'second', '--tensorboard']);
  const names = readdirSync(join(cwd, 'shared'));
  const replace = ['train', 'corpus.txt', ...TINY, '--max-steps', '2', '--backend', 'wasm'];
  const refused = await runCli([...replace, '--out', 'second', '--overwrite', ...events], { cwd });
  expect(refused).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('expected no events of another run in shared, found events.'),
  });
  expect(readdirSync(join(cwd, 'shared'))).toEqual(names);
  expect(readdirSync(join(cwd, 'second', 'tensorboard'))).toHaveLength(1);
  await trainTiny(cwd, ['--out', 'second', '--overwrite']);
  expect(readdirSync(join(cwd, 'second'))).not.toContain('tensorboard');
  await trainTiny(cwd, ['--out', 'first', '--overwrite', ...events]);
  const [name, ...more] = readdirSync(join(cwd, 'shared'));
  expect([names.includes(name as string), more]).toEqual([false, []]);
});

test('a run that ends before it saved anything leaves nothing', async () => {
  const flags = ['--max-time', '60s', '--hidden', '8', '--json', '--backend', 'wasm'];
  const out = ['--out', 'nothing', '--tensorboard'];
  const { stdout, exitCode } = await runCli(['train', 'corpus.txt', ...flags, ...out], {
    cwd,
    onOutput: whenShown('"event":"start"', (child) => child.kill('SIGINT')),
  });
  expect(exitCode).toBe(130);
  // It may have come to a step, which is then saved.
  const hasSteps = jsonLines(stdout).some(({ event }) => event === 'checkpoint');
  expect(existsSync(join(cwd, 'nothing'))).toBe(hasSteps);
});
