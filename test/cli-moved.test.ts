import { chmodSync, cpSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  jsonLines,
  lastCheckpoint,
  listTree,
  runCli,
  temporaryDirectory,
  trainTiny,
  writeCorpus,
} from './cli-process.ts';

const root = temporaryDirectory();
const begun = join(root, 'begun');
const elsewhere = join(root, 'elsewhere');
let perplexity: number;

/** A copy of the project in which the run was trained, at another depth. */
function copyOfProject(name: string): string {
  const project = join(root, 'copies', name, 'project');
  cpSync(begun, project, { recursive: true, preserveTimestamps: true });
  return project;
}

function evaluate(run: string, cwd: string) {
  return runCli(['eval', run, '--json', '--backend', 'wasm'], { cwd });
}

/** Expects an evaluation on the run's own held-out text to find it, and the model, as they were. */
async function expectSameEvaluation(run: string, cwd: string): Promise<void> {
  const { exitCode, stdout, stderr } = await evaluate(run, cwd);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ split: 'valid', perplexity });
}

function sample(run: string, cwd: string) {
  const args = ['--prompt', 'the', '--length', '20', '--seed', '1', '--backend', 'wasm', '--json'];
  return runCli(['sample', run, ...args], { cwd });
}

function textOf(stdout: string): string {
  return (JSON.parse(stdout) as { text: string }).text;
}

beforeAll(async () => {
  mkdirSync(begun);
  mkdirSync(elsewhere);
  writeCorpus(begun);
  await trainTiny(begun);
  const { stdout } = await evaluate('checkpoints/corpus', begun);
  perplexity = (JSON.parse(stdout) as { perplexity: number }).perplexity;
  expect(perplexity).toBeGreaterThan(1);
});

describe.concurrent('a run', () => {
  test('that is moved alone and renamed finds its text where it was', async () => {
    const project = copyOfProject('alone');
    const run = join(root, 'other', 'place', 'renamed');
    mkdirSync(join(root, 'other', 'place'), { recursive: true });
    renameSync(join(project, 'checkpoints', 'corpus'), run);
    await expectSameEvaluation(run, project);

    const away = await evaluate(run, elsewhere);
    expect(away.exitCode).toBe(1);
    expect(away.stderr).toContain('expected the run’s corpus where it was (corpus.txt)');
    const [before, after] = await Promise.all([
      sample(join(begun, 'checkpoints', 'corpus'), begun),
      sample(run, elsewhere),
    ]);
    expect(after).toMatchObject({ exitCode: 0, stderr: '' });
    expect(textOf(after.stdout)).toBe(textOf(before.stdout));
  });

  test('that is moved with its text finds it there, from anywhere', async () => {
    const run = join(copyOfProject('both'), 'checkpoints', 'corpus');
    await expectSameEvaluation(run, elsewhere);
  });

  test('that is reached by a symbolic link finds its text', async () => {
    const project = copyOfProject('linked');
    const link = join(root, 'link');
    symlinkSync(join(project, 'checkpoints', 'corpus'), link);
    await expectSameEvaluation(link, elsewhere);
  });

  test('is only read by sample, eval and info', async () => {
    const project = copyOfProject('read-only');
    const run = join(project, 'checkpoints', 'corpus');
    const before = listTree(project);
    // Root may write all the same: the comparison shows that it does not.
    for (const path of [lastCheckpoint(run), run]) chmodSync(path, 0o555);
    await expectSameEvaluation(run, project);
    expect((await sample(run, project)).exitCode).toBe(0);
    for (const flag of ['--json', '--verify']) {
      const { exitCode, stderr } = await runCli(['info', run, flag], { cwd: project });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    }
    for (const path of [lastCheckpoint(run), run]) chmodSync(path, 0o755);
    expect(listTree(project)).toEqual(before);
  });

  test('goes on in another place with the text from another, and knows both then', async () => {
    const project = copyOfProject('resumed');
    const run = join(root, 'resumed', 'far', 'renamed');
    const corpus = join(root, 'resumed', 'texts', 'other-name.txt');
    mkdirSync(join(root, 'resumed', 'far'), { recursive: true });
    mkdirSync(join(root, 'resumed', 'texts'));
    renameSync(join(project, 'checkpoints', 'corpus'), run);
    renameSync(join(project, 'corpus.txt'), corpus);
    const flags = ['--resume', '--out', run, '--max-steps', '24', '--json', '--backend', 'wasm'];
    const resumed = await runCli(['train', corpus, ...flags], { cwd: elsewhere });
    expect(resumed).toMatchObject({ exitCode: 0, stderr: '' });
    const events = jsonLines(resumed.stdout);
    expect(events[0]).toMatchObject({ event: 'start', resumedAtStep: 20 });
    expect(events.at(-1)).toMatchObject({ event: 'end', step: 24 });

    const moved = join(root, 'moved');
    renameSync(join(root, 'resumed'), moved);
    const evaluation = await evaluate(join(moved, 'far', 'renamed'), elsewhere);
    expect(evaluation).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('is the newest by any name', async () => {
    const project = copyOfProject('renamed');
    const runs = join(project, 'checkpoints');
    renameSync(join(runs, 'corpus'), join(runs, 'a novel'));
    const { stdout } = await runCli(['info', '--json'], { cwd: project });
    expect(JSON.parse(stdout)).toMatchObject({ path: 'checkpoints/a novel/step-00000020' });
  });
});
