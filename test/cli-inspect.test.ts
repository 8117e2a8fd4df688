import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  hasTerminal,
  runCli,
  runOnTerminal,
  runProcess,
  sampleText,
  shellCommand,
  temporaryDirectory,
  trainTiny,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();
const TEXT = sampleText(4);

beforeAll(async () => {
  writeCorpus(cwd);
  writeFileSync(join(cwd, 'text.txt'), TEXT);
  await trainTiny(cwd, ['--max-steps', '60', '--eval-every', '60', '--lr', '0.02']);
  await trainTiny(cwd, ['--tokenizer', 'word', '--out', 'words', '--max-steps', '2']);
});

interface Line {
  place: number;
  token: string;
  surprise: number | null;
  alternatives: { token: string; probability: number }[];
  layers: Record<string, { mean: number }>[];
  saliency?: { place: number; contribution: number }[];
  next?: object[];
}

async function inspect(args: string[]): Promise<string> {
  const all = ['inspect', 'checkpoints/corpus', '--backend', 'wasm', ...args];
  const result = await runCli(all, { cwd });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return result.stdout;
}

describe.concurrent('gru-lm inspect', () => {
  test('--json gives one object a token, and their surprises are the loss of eval', async () => {
    const lines = (
      await inspect(['--text', 'text.txt', '--explain', '9', '--units', '2', '--json'])
    )
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(lines.map(({ place }) => place)).toEqual(Array.from(TEXT, (_, i) => i));
    expect(Object.keys(lines[5]!)).toEqual([
      ...['place', 'id', 'token', 'surprise', 'probability', 'rank', 'entropy', 'alternatives'],
      'layers',
    ]);
    expect(lines[0]).toMatchObject({ token: 't', surprise: null, rank: null, alternatives: [] });
    expect(lines[5]!.alternatives).toHaveLength(5);
    expect(Object.keys(lines[5]!.layers[0]!)).toEqual(['update', 'reset', 'state', 'units']);
    expect(lines[9]!.saliency!.map(({ place }) => place)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(lines.at(-1)!.next).toHaveLength(5);
    const nats = lines.slice(1).reduce((sum, { surprise }) => sum + (surprise as number), 0);
    const evaluated = await runCli(
      ['eval', 'checkpoints/corpus', '--text', 'text.txt', '--backend', 'wasm', '--json'],
      { cwd },
    );
    const { natsPerToken } = JSON.parse(evaluated.stdout) as { natsPerToken: number };
    expect(nats / (lines.length - 1)).toBeCloseTo(natsPerToken, 7);
  });

  test('in a pipe it has marks under the text, what most surprised, and the units, in 80 columns', async () => {
    const shown = await inspect(['--prompt', TEXT, '--explain', '5', '--surprising', '3']);
    expect(shown).toMatch(/^prompt under corpus\/step-00000060$/m);
    expect(shown).toMatch(/^the quick fox 0 jumps over the dog␊\n [·½1248 ]+$/m);
    expect(shown).toMatch(/^under each token: at least/m);
    expect(shown).toMatch(
      /^most surprising\n +place +nats .*\n(?: +\d+ +\d+\.\d\d {2}.* %\n){3}\n/m,
    );
    expect(shown).toMatch(/^next {2}"/m);
    expect(shown).toMatch(/^what "u" at place 5 rests on/m);
    expect(shown).toMatch(/^layer 1 {2}update +0\.\d{3} +[\d.<]+ % +[\d.<]+ % {3}open: /m);
    expect(shown).toMatch(/of 8 saturated, \d+ dead$/m);
    expect(shown).not.toContain('\u001b');
    for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test.runIf(hasTerminal)('on a terminal it has fields of colour', async () => {
    const args = ['inspect', 'checkpoints/corpus', '--backend', 'wasm', '--prompt', 'the fox'];
    // What looks for colours takes a machine of CI for one that shows none.
    const env = { TERM: 'xterm-256color', CI: undefined };
    const { stdout } = await runOnTerminal(args, { cwd, env });
    expect(stdout).toContain('\u001b[48;5;');
    expect(stdout).not.toContain('under each token');
  });

  test('--html writes a page where there is none yet, or with --overwrite', async () => {
    const args = ['--prompt', 'the fox', '--html', 'page.html'];
    expect(await inspect(args)).toMatch(/^page\.html: 7 tokens, \d+\.\d kB\n$/);
    const page = readFileSync(join(cwd, 'page.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    const again = ['inspect', 'checkpoints/corpus', '--backend', 'wasm', ...args];
    expect(await runCli(again, { cwd })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'error: expected no file at page.html yet, found one\n' +
        '  Give --html another name, or --overwrite to replace the file.\n',
    });
    expect(readFileSync(join(cwd, 'page.html'), 'utf8')).toBe(page);
    await inspect(['--prompt', 'the dog', '--html', 'page.html', '--overwrite']);
    expect(readFileSync(join(cwd, 'page.html'), 'utf8')).not.toBe(page);
  });

  test('says what it leaves out, and what it does not know', async () => {
    const args = ['inspect', 'words', '--backend', 'wasm', '--prompt', 'the zebra jumps'];
    const beyond = await runCli([...args, '--explain', '3'], { cwd });
    expect(beyond).toMatchObject({ exitCode: 2, stdout: '' });
    expect(beyond.stderr).toContain(
      '--explain: expected a place from 1 to 2 (the text is 3 tokens',
    );
    const { stdout, stderr, exitCode } = await runCli([...args, '--tokens', '2'], { cwd });
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      '"zebra" (line 1, column 5 of the prompt) is read as <unk>: the model does not know it\n' +
        'The first 2 of 3 tokens; --tokens N looks at more.\n',
    );
    expect(stdout).toMatch(/^the <unk>$/m);
  });
});

describe.concurrent('gru-lm neighbors', () => {
  test('lists the tokens of the most similar embeddings', async () => {
    const { stdout, stderr } = await runCli(['neighbors', 'fox', 'words', '--count', '3'], { cwd });
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^"fox" under \S+\/step-00000002, by embeddings\n( +-?\d\.\d{4} {2}".+"\n){3}$/,
    );
    const json = await runCli(['neighbors', 'fox', 'words', '--of', 'output', '--json'], { cwd });
    const found = JSON.parse(json.stdout) as { neighbors: { similarity: number }[] };
    expect(found).toMatchObject({ token: 'fox', of: 'output', tied: false });
    expect(found.neighbors).toHaveLength(10);
    const similarities = found.neighbors.map(({ similarity }) => similarity);
    expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
  });

  test('says what shows the tokens of a text that is none, and no other is like', async () => {
    const { stdout, stderr } = await runCli(['neighbors', 'xylophone', 'words'], { cwd });
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'error: expected a token of the word model, found none for "xylophone"\n' +
        '  echo TEXT | gru-lm tokenize - --checkpoint RUN shows what its tokens are.\n',
    );
    const args = shellCommand(['tokenize', '-', '--checkpoint', 'words']);
    const shown = await runProcess('bash', ['-c', `echo xylophone | ${args}`], { cwd });
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shown.stdout).toContain('<unk>│<eol>│');
  });

  test('names words that are spelled alike, and says in which order it takes its operands', async () => {
    const [unknown, swapped] = await Promise.all([
      runCli(['neighbors', 'foxes', 'words'], { cwd }),
      runCli(['neighbors', 'words', 'fox'], { cwd }),
    ]);
    expect(unknown).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'error: expected a token of the word model, found none for "foxes"\n  Did you mean "fox"?\n',
    });
    expect(swapped).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error: expected the token first and then the checkpoint, found the directory words first\n' +
        '  Type gru-lm neighbors "fox" words.\n',
    });
  });
});
