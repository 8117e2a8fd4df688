import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  hasTerminal,
  runCli,
  runOnTerminal,
  temporaryDirectory,
  trainTiny,
  writeCorpus,
} from './cli-process.ts';

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

describe.concurrent('more ways to make it', () => {
  test('--prompts goes on from each line, --num-samples times', async () => {
    writeFileSync(join(cwd, 'prompts.txt'), 'the fox\n\nthe dog\n');
    const all = await sampleJson('--prompts', 'prompts.txt', '--num-samples', '2', '--seed', '5');
    const expected = ['the fox', 'the fox', '', '', 'the dog', 'the dog'];
    expect(all.map(({ prompt }) => prompt)).toEqual(expected);
    expect(all.map(({ index }) => index)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(all.map(({ seed }) => seed)).toEqual([5, 6, 5, 6, 5, 6]);
    const [alone] = await sampleJson('--prompt', 'the dog', '--seed', '6');
    expect(all.at(-1)?.text).toBe(alone?.text);
  });

  test('--continue goes on where --save-state ended, with the text of one sample', async () => {
    const prompt = ['--prompt', 'the fox', '--stop', 'no such text'];
    const whole = await sample(...prompt, '--seed', '7', '--length', '40');
    const first = await sample(...prompt, '--seed', '7', '--length', '15', '--save-state', 's');
    const go = ['--continue', 's', '--stop', 'no such text', '--length'];
    const second = await sample(...go, '12', '--save-state', 's');
    const third = await sample(...go, '13');
    expect([first, second, third].map((text) => text.slice(0, -1)).join('')).toBe(
      whole.slice(0, -1),
    );
    const again = ['sample', '--backend', 'wasm', '--save-state', 's'];
    expect(await runCli(again, { cwd })).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr:
        'error: --save-state: expected no file at s yet, found one\n' +
        '  Give another name, or remove the file. The file of --continue is replaced if both name it.\n',
    });
  });

  test('--beam gives the likeliest texts, the best first', async () => {
    const found = await sampleJson('--beam', '4', '--num-samples', '3', '--prompt', 'the ');
    expect(found).toHaveLength(3);
    const nats = found.map((each) => Number(each.nats));
    expect(nats).toEqual([...nats].sort((a, b) => a - b));
    const [greedy] = await sampleJson('--greedy', '--prompt', 'the ');
    expect(nats[0]).toBeLessThanOrEqual(Number(greedy?.natsPerToken) * 40 + 1e-3);
    expect(found[0]).toMatchObject({ seed: null, tokens: 40, prompt: 'the ' });
  });

  test('--copied tells what stands in the training text', async () => {
    const made = await sampleJson('--seed', '3', '--num-samples', '2', '--copied');
    const corpus = readFileSync(join(cwd, 'corpus.txt'), 'utf8');
    for (const { text, copied } of made as Record<string, unknown>[]) {
      const { longest, share, spanTokens } = copied as {
        longest: { text: string; line: number; characters: number };
        share: number;
        spanTokens: number;
      };
      expect(spanTokens).toBe(16);
      expect(text).toContain(longest.text);
      expect(longest.characters).toBe(longest.text.length);
      const from = corpus
        .split('\n')
        .slice(longest.line - 1)
        .join('\n');
      expect(from.split('\n').slice(0, 3).join('\n')).toContain(longest.text);
      expect(share > 0).toBe(longest.characters >= 16);
    }
  });

  test('--interactive answers each line of its input', async () => {
    const input = 'the fox\n:length 5\n\n:nonsense\n:save talk.txt\n';
    const args = ['sample', '--backend', 'wasm', '-i', '--seed', '7', '--length', '15', '--json'];
    const { stdout, stderr, exitCode } = await runCli(args, { cwd, input });
    expect(exitCode).toBe(0);
    const [first, second] = stdout.split('\n', 2).map((line) => JSON.parse(line));
    expect([first.prompt, first.tokens, second.prompt, second.tokens]).toEqual([
      ...['the fox', 15, '', 5],
    ]);
    const [whole] = await sampleJson('--prompt', 'the fox', '--seed', '7', '--length', '20');
    expect(first.text + second.text).toBe(whole?.text);
    expect(stderr).toBe(
      'error: expected a command, found ":nonsense"\n' +
        '  Type :help for what there is; :: begins a text with a colon.\n' +
        '(saved to talk.txt)\n',
    );
    const talk = readFileSync(join(cwd, 'talk.txt'), 'utf8');
    expect(talk).toBe(`the fox${first.text}${second.text}`);
  });

  test('--interactive tells as JSON of each line that it cannot go on from', async () => {
    const input = 'the é\nthe fox\n:nonsense\n';
    const args = ['sample', '--backend', 'wasm', '-i', '--length', '5', '--json'];
    const { stdout, exitCode } = await runCli(args, { cwd, input });
    expect(exitCode).toBe(0);
    const told = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(told).toMatchObject([
      {
        prompt: 'the é',
        error: { code: 'prompt-unknown', message: expect.stringContaining('"é"') },
      },
      { prompt: 'the fox', tokens: 5 },
    ]);
    expect(told).toHaveLength(2);
  });

  test('--interactive begins with what the state of --continue held back', async () => {
    const making = ['--seed', '7', '--length', '15', '--prompt', 'the fox'];
    const made = await sample(...making);
    const held = made.slice(-4, -1);
    const stop = ['--stop', `${held}no such text`];
    expect(await sample(...making, ...stop, '--save-state', 'held')).toBe(`${made.slice(0, -4)}\n`);
    const args = ['sample', '--backend', 'wasm', '-i', '--continue', 'held', '--length', '9'];
    const input = 'the dog\n:save held.txt\n';
    const { stdout } = await runCli([...args, ...stop, '--json'], { cwd, input });
    const { prompt, text } = JSON.parse(stdout);
    expect(prompt).toBe(`${held}${held.endsWith('\n') ? '' : '\n'}the dog`);
    expect(text).toHaveLength(9);
    expect(readFileSync(join(cwd, 'held.txt'), 'utf8')).toBe(prompt + text);
  });

  test.runIf(hasTerminal)('on a terminal Ctrl-C stops a text, and Ctrl-D ends', async () => {
    const args = ['sample', '--backend', 'wasm', '-i', '--seed', '7', '--length', '1000000'];
    // Each is typed when that is shown which comes before it.
    const typed: [RegExp, string][] = [
      [/> /, 'the fox\r'],
      [/the fox[\r\n]+[^\r\n]/, '\u0003'],
      [/tokens\/s, seed 7\)[\r\n]+.*> /s, '\u0004'],
    ];
    const { exitCode, stdout } = await runOnTerminal(args, {
      cwd,
      env: { GRU_LM_HISTORY: join(cwd, 'history') },
      input: null,
      onOutput(output, child) {
        if (!typed[0]?.[0].test(output)) return;
        child.stdin?.write(typed.shift()![1]);
        if (typed.length === 0) child.stdin?.end();
      },
    });
    expect({ exitCode, left: typed }).toEqual({ exitCode: 0, left: [] });
    expect(stdout).toMatch(/\(\d+ tokens, /);
    expect(readFileSync(join(cwd, 'history'), 'utf8')).toBe('the fox\n');
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
