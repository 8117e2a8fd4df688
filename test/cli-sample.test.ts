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

describe.concurrent('what is made', () => {
  test('the same seed gives the same text, another one another', async () => {
    const first = await sample('--seed', '5');
    expect(await sample('--seed', '5')).toBe(first);
    expect(await sample('--seed', '6')).not.toBe(first);
  });

  test('--greedy hangs on no seed, and --top-k 1 is the same', async () => {
    const first = await sample('--greedy', '--seed', '1');
    expect(await sample('--greedy', '--seed', '2')).toBe(first);
    expect(await sample('--top-k', '1', '--seed', '3')).toBe(first);
  });

  test('--length counts tokens after the prompt, which comes first', async () => {
    const text = await sample('--prompt', 'the fox', '--length', '12', '--seed', '1');
    expect(text.slice(0, 7)).toBe('the fox');
    expect(text).toHaveLength(7 + 12 + '\n'.length);
  });

  test('--num-samples takes one seed after another', async () => {
    const args = ['--seed', '3', '--json'];
    const texts = (await sample(...args, '--num-samples', '2'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { seed: number; text: string });
    expect(texts.map(({ seed }) => seed)).toEqual([3, 4]);
    const second = JSON.parse(await sample('--json', '--seed', '4')) as { text: string };
    expect(second.text).toBe(texts[1]?.text);
  });

  test('samples stand apart', async () => {
    const [a, b] = (await sample('--num-samples', '2', '--seed', '3')).split(/\n\n—+\n/);
    expect(a).toHaveLength(40);
    expect(b).toHaveLength(41);
  });

  test('--stop ends before its text', async () => {
    const whole = await sample('--seed', '5', '--length', '200');
    const word = whole.slice(30, 33);
    const stopped = await sample('--seed', '5', '--length', '200', '--stop', word);
    expect(stopped).toBe(`${whole.slice(0, whole.indexOf(word))}\n`);
  });

  test('--json gives prompt, text and figures', async () => {
    const line = await sample('--json', '--prompt', 'the ', '--seed', '9', '--length', '20');
    const json = JSON.parse(line) as Record<string, number | string>;
    expect(Object.keys(json)).toEqual([
      ...['prompt', 'text', 'tokens', 'natsPerToken', 'seed', 'tokensPerSecond'],
    ]);
    expect(json).toMatchObject({ prompt: 'the ', tokens: 20, seed: 9 });
    expect(json.text).toHaveLength(20);
    expect(json.natsPerToken).toBeGreaterThan(0);
    expect(await sample('--prompt', 'the ', '--seed', '9', '--length', '20')).toBe(
      `the ${json.text}\n`,
    );
  });

  test('--prompt - reads the prompt from standard input', async () => {
    const args = ['sample', '--prompt', '-', '--length', '5', '--seed', '1', '--backend', 'wasm'];
    const { stdout } = await runCli(args, { cwd, input: 'the dog' });
    expect(stdout).toBe(await sample('--prompt', 'the dog', '--length', '5', '--seed', '1'));
  });
});

describe('which checkpoint', () => {
  test('<run>, <run>/best, <run>/last and the newest run under ./checkpoints', async () => {
    const args = ['--greedy', '--length', '20'];
    const run = await sample('checkpoints/corpus', ...args);
    expect(await sample('checkpoints/corpus/best', ...args)).toBe(run);
    expect(await sample('checkpoints/corpus/last', ...args)).toBe(run);
    expect(await sample(...args)).toBe(run);
    await trainTiny(cwd, ['--out', 'checkpoints/newer', '--max-steps', '1']);
    const newest = await runCli(['info', '--json'], { cwd });
    expect(JSON.parse(newest.stdout).path).toMatch(/^checkpoints\/newer\//);
  });

  test('a word model says which word of the prompt it reads as <unk>', async () => {
    const flags = ['--tokenizer', 'word', '--out', 'words', '--max-steps', '2'];
    await trainTiny(cwd, flags);
    const { stderr, exitCode } = await runCli(
      ['sample', 'words', '--prompt', 'the unheard-of fox', '--backend', 'wasm', '--length', '3'],
      { cwd },
    );
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^"unheard-of" \(line 1, column 5 of the prompt\) is read as <unk>/);
  });
});
