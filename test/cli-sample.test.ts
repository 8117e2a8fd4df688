import { beforeAll, describe, expect, test } from 'vitest';
import { runCli, temporaryDirectory, trainTiny, writeCorpus } from './cli-process.ts';

const cwd = temporaryDirectory();

beforeAll(async () => {
  writeCorpus(cwd);
  await trainTiny(cwd, ['--max-steps', '150', '--eval-every', '150', '--lr', '0.02']);
});

/** What `gru-lm sample` prints. */
async function sample(...args: string[]): Promise<string> {
  const result = await runCli(['sample', '--backend', 'wasm', '--length', '40', ...args], { cwd });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return result.stdout;
}

/** The same as `--json` gives it, one object a sample. */
async function sampleJson(...args: string[]): Promise<Record<string, number | string>[]> {
  const lines = (await sample('--json', ...args)).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, number | string>);
}

describe.concurrent('what is made', () => {
  test('a seed gives its text; --num-samples takes one seed after another', async () => {
    const [first, second] = await sampleJson('--seed', '5', '--num-samples', '2');
    expect([first?.seed, second?.seed]).toEqual([5, 6]);
    expect(second?.text).not.toBe(first?.text);
    const [again] = await sampleJson('--seed', '6');
    expect(again?.text).toBe(second?.text);
  });

  test('--greedy hangs on no seed, and --top-k 1 is the same', async () => {
    const [first, second] = await sampleJson('--greedy', '--seed', '1', '--num-samples', '2');
    expect(second?.text).toBe(first?.text);
    const [narrow] = await sampleJson('--top-k', '1', '--seed', '3');
    expect(narrow?.text).toBe(first?.text);
  });

  test('the prompt comes first, then --length tokens; --prompt - reads it', async () => {
    const args = ['--length', '12', '--seed', '1'];
    const text = await sample('--prompt', 'the fox', ...args);
    expect(text.slice(0, 7)).toBe('the fox');
    expect(text).toHaveLength(7 + 12 + '\n'.length);
    const read = ['sample', '--prompt', '-', '--backend', 'wasm', ...args];
    expect((await runCli(read, { cwd, input: 'the fox' })).stdout).toBe(text);
    const [json] = await sampleJson('--prompt', 'the fox', ...args);
    expect(Object.keys(json ?? {})).toEqual([
      ...['prompt', 'text', 'tokens', 'natsPerToken', 'seed', 'tokensPerSecond'],
    ]);
    expect(json).toMatchObject({ prompt: 'the fox', text: text.slice(7, -1), tokens: 12, seed: 1 });
    expect(json?.natsPerToken).toBeGreaterThan(0);
  });

  test('samples stand apart, and --stop ends before its text', async () => {
    const whole = await sample('--num-samples', '2', '--seed', '3');
    const [a = '', b] = whole.split(/\n\n—+\n/);
    expect(a).toHaveLength(40);
    expect(b).toHaveLength(41);
    const word = a.slice(30, 33);
    expect(await sample('--seed', '3', '--stop', word)).toBe(`${a.slice(0, a.indexOf(word))}\n`);
  });
});

describe('which checkpoint', () => {
  /** The checkpoint that a name means, by `gru-lm info`, which asks as `sample` does. */
  async function pathOf(...name: string[]): Promise<string> {
    const { stdout } = await runCli(['info', ...name, '--json'], { cwd });
    return (JSON.parse(stdout) as { path: string }).path;
  }

  test('<run>, <run>/best, <run>/last and the newest run under ./checkpoints', async () => {
    const run = await pathOf('checkpoints/corpus');
    expect(run).toMatch(/^checkpoints\/corpus\/step-/);
    expect(await pathOf('checkpoints/corpus/best')).toBe(run);
    expect(await pathOf('checkpoints/corpus/last')).toMatch(/^checkpoints\/corpus\/step-/);
    await trainTiny(cwd, ['--out', 'checkpoints/newer', '--max-steps', '1']);
    expect(await pathOf()).toMatch(/^checkpoints\/newer\//);
    expect(await sample('--seed', '1')).toBe(await sample('checkpoints/newer', '--seed', '1'));
  });

  test('a word model says which word of the prompt it reads as <unk>', async () => {
    await trainTiny(cwd, ['--tokenizer', 'word', '--out', 'words', '--max-steps', '2']);
    const { stderr, exitCode } = await runCli(
      ['sample', 'words', '--prompt', 'the unheard-of fox', '--backend', 'wasm', '--length', '3'],
      { cwd },
    );
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^"unheard-of" \(line 1, column 5 of the prompt\) is read as <unk>/);
  });
});
