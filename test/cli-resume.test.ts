import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { hashesOfLast } from '../torture/exact-resume/program.ts';
import { resumeInTime } from '../torture/exact-resume.ts';
import { usableBackends } from './cli-backends.ts';
import {
  jsonLines,
  runCli,
  TINY,
  temporaryDirectory,
  whenShown,
  writeCorpus,
} from './cli-process.ts';
import { useBackend } from './support/backends.ts';

const cwd = temporaryDirectory();
const STEPS = 50;

beforeAll(() => writeCorpus(cwd));

/** Sends `signal` once step `step` is reported. */
function atStep(step: number, signal: NodeJS.Signals) {
  return whenShown(`"event":"step","step":${step},`, (child) => child.kill(signal));
}

describe.for(usableBackends().filter((name) => name !== 'cuda'))('on %s', (backend) => {
  const flags = (out: string) => [
    ...['train', 'corpus.txt', ...TINY, '--layers', '2', '--dropout', '0.2', '--json'],
    ...['--max-steps', String(STEPS), '--eval-every', '20', '--save-every', '10'],
    ...['--backend', backend, '--out', out],
  ];
  const resume = (out: string) =>
    runCli(['train', 'corpus.txt', '--resume', '--out', out, '--json', '--backend', backend], {
      cwd,
    });
  let whole: Record<string, string>;

  beforeAll(async () => {
    expect((await runCli(flags(`whole-${backend}`), { cwd })).exitCode).toBe(0);
    whole = await hashesOfLast(join(cwd, `whole-${backend}`));
    expect(Object.keys(whole)).toHaveLength(7);
  });

  test.concurrent('a run that was stopped and goes on ends with the same bytes', async () => {
    const out = `stopped-${backend}`;
    const first = await runCli(flags(out), { cwd, onOutput: atStep(13, 'SIGINT') });
    expect(first.exitCode).toBe(130);
    const stopped = jsonLines(first.stdout).at(-1);
    expect(stopped).toMatchObject({ event: 'stopped', path: out });
    expect(stopped?.step).toBeLessThan(STEPS);
    const second = await resume(out);
    expect(second.exitCode).toBe(0);
    const events = jsonLines(second.stdout);
    expect(events[0]).toMatchObject({ event: 'start', resumedAtStep: stopped?.step });
    expect(events.at(-1)).toMatchObject({ event: 'end', step: STEPS });
    expect(await hashesOfLast(join(cwd, out))).toEqual(whole);
  });

  test.concurrent('so does one with what options put around its layers', async () => {
    const attention = ['--attention', '--attention-span', '9'];
    const around = ['--norm', 'batch', '--residual', ...attention, '--max-steps', '30'];
    const [out, other] = [`around-${backend}`, `around-whole-${backend}`];
    const first = await runCli([...flags(out), ...around], { cwd, onOutput: atStep(13, 'SIGINT') });
    expect(first.exitCode).toBe(130);
    expect((await resume(out)).exitCode).toBe(0);
    expect((await runCli([...flags(other), ...around], { cwd })).exitCode).toBe(0);
    const [found, expected] = [out, other].map((run) => hashesOfLast(join(cwd, run)));
    expect(await found).toEqual(await expected);
    const sample = ['sample', out, '--length', '9', '--seed', '1', '--backend', backend, '--json'];
    const [told] = jsonLines((await runCli(sample, { cwd })).stdout);
    expect(told?.natsPerToken).toBeGreaterThan(0);
  });

  test.concurrent('so does one that was stopped where it validates', async () => {
    const out = `validating-${backend}`;
    const first = await runCli(flags(out), { cwd, onOutput: atStep(40, 'SIGTERM') });
    expect(first.exitCode).toBe(143);
    expect((await resume(out)).exitCode).toBe(0);
    expect(await hashesOfLast(join(cwd, out))).toEqual(whole);
  });

  test.runIf(backend === 'wasm')(
    'so does a run that was killed, from the checkpoint before',
    { concurrent: true },
    async () => {
      const out = `killed-${backend}`;
      await runCli(flags(out), { cwd, onOutput: atStep(37, 'SIGKILL') });
      const { exitCode, stdout } = await resume(out);
      expect(exitCode).toBe(0);
      expect(jsonLines(stdout)[0]?.resumedAtStep).toBeGreaterThanOrEqual(20);
      expect(await hashesOfLast(join(cwd, out))).toEqual(whole);
    },
  );
});

const ways = [
  ['--bptt-schedule', 'random'],
  ['--word-features', '--tokenizer', 'word', '--optimizer', 'adam'],
  ['--optimizer', 'nt-asgd', '--nonmono', '1', '--lr', '20', '--lr-decay', 'none'],
];

test.concurrent.for(ways.map((way) => [way.join(' '), way] as const))(
  'a run with %s that was stopped and goes on ends with the same bytes',
  async ([, way]) => {
    const name = way[0] as string;
    const flags = (out: string) => [
      ...['train', 'corpus.txt', ...TINY, '--dropout', '0.2', '--json', '--backend', 'wasm'],
      ...['--max-steps', '30', '--eval-every', '5', '--out', out, ...way],
    ];
    const [whole, parts] = [`whole${name}`, `parts${name}`];
    const { exitCode, stdout } = await runCli(flags(whole), { cwd });
    expect(exitCode).toBe(0);
    expect(stdout.includes('"event":"averaging"')).toBe(way.includes('nt-asgd'));
    const first = await runCli(flags(parts), { cwd, onOutput: atStep(17, 'SIGINT') });
    expect(first.exitCode).toBe(130);
    const resume = ['train', 'corpus.txt', '--resume', '--out', parts, '--backend', 'wasm'];
    expect((await runCli(resume, { cwd })).exitCode).toBe(0);
    expect(await hashesOfLast(join(cwd, parts))).toEqual(await hashesOfLast(join(cwd, whole)));
  },
);

test('runs that are limited by time end with the same bytes wherever they are stopped', async () => {
  await useBackend('wasm');
  // Throws unless they do.
  expect(await resumeInTime({ points: 4, seconds: 0.75 })).toHaveLength(2);
});

test('a finished run says that nothing is left, and takes more, with another rate', async () => {
  const args = ['train', 'corpus.txt', '--out', 'more', '--backend', 'wasm'];
  const first = await runCli([...args, ...TINY, '--max-steps', '4'], { cwd });
  expect(first.exitCode).toBe(0);
  const again = await runCli([...args, '--resume'], { cwd });
  expect(again.exitCode).toBe(0);
  expect(again.stderr).toMatch(/nothing was left to do: give it more with --max-steps/);
  const flags = ['--resume', '--max-steps', '6', '--lr', '0.01', '--lr-decay', 'none', '--json'];
  const more = await runCli([...args, ...flags], { cwd });
  const steps = jsonLines(more.stdout).filter(({ event }) => event === 'step');
  expect(steps.map(({ step, learningRate }) => [step, learningRate])).toEqual([
    [5, 0.01],
    [6, 0.01],
  ]);
  const info = await runCli(['info', 'more/last', '--json'], { cwd });
  expect(JSON.parse(info.stdout).options).toMatchObject({ learningRate: 0.01, maxSteps: 6 });
});
