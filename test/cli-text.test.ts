/** Texts of all kinds through the program: what is read, what its tokens are, what comes out again. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { jsonLines, runCli, TINY, temporaryDirectory } from './cli-process.ts';

const cwd = temporaryDirectory();
const multilingual = fileURLToPath(
  new URL('../corpora/human-rights-multilingual.txt', import.meta.url),
);
const train = (corpus: string[], flags: string[]) =>
  runCli(['train', ...corpus, ...TINY, '--backend', 'wasm', '--json', ...flags], { cwd });
const tokenize = async (corpus: string[], flags: string[] = []) => {
  const result = await runCli(['tokenize', ...corpus, '--json', ...flags], { cwd });
  expect(result.stderr).toBe('');
  return JSON.parse(result.stdout);
};

describe('14 languages', () => {
  test.each([
    ['char', []],
    ['word', []],
    ['word', ['--word-split', 'unicode']],
    ['byte', []],
    ['bpe', ['--vocab-size', '600']],
  ])('train and sample as %s %j', async (tokenizer, flags) => {
    const out = ['--out', `${tokenizer}${flags.length}`];
    const budget = ['--max-steps', '3', '--valid-split', '0.01'];
    const trained = await train(
      [multilingual],
      ['--tokenizer', tokenizer, ...flags, ...out, ...budget],
    );
    expect(trained.exitCode).toBe(0);
    const [start] = jsonLines(trained.stdout);
    expect(start).toMatchObject({ event: 'start', expectedSteps: 3 });
    const sample = ['sample', out[1]!, '--backend', 'wasm', '--length', '120', '--seed', '3'];
    // A model that has learned nothing makes any bytes: on the way out they must be characters.
    const prompt = ['--prompt', 'freedom', '--temperature', '3'];
    const sampled = await runCli([...sample, ...prompt], { cwd });
    expect(sampled).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^freedom.{20}/s) });
    const evaluated = await runCli(['eval', out[1]!, '--backend', 'wasm', '--json'], { cwd });
    expect(JSON.parse(evaluated.stdout).perplexity).toBeGreaterThan(1);
  });
});

describe('a corpus', () => {
  test('is directories, globs, JSON lines and other encodings at once', async () => {
    mkdirSync(join(cwd, 'texts/deep'), { recursive: true });
    writeFileSync(join(cwd, 'texts/a.txt'), 'one\n');
    writeFileSync(join(cwd, 'texts/deep/b.txt'), 'two\r\n');
    writeFileSync(join(cwd, 'texts/.hidden'), 'hidden');
    writeFileSync(join(cwd, 'lines.jsonl'), '{"body":"three"}\n{"body":"four"}\n');
    const corpus = ['texts', 'lines.jso*'];
    const flags = ['--text-field', 'body', '--newlines', 'lf', '--tokenizer', 'char'];
    const { tokens, documents, characters, pieces } = await tokenize(corpus, flags);
    expect({ documents, characters, tokens }).toEqual({
      documents: 4,
      characters: 17,
      tokens: 17 + 3,
    });
    expect(pieces.map(({ token }: { token: string }) => token).join('')).toBe(
      'one\\n<|endoftext|>two\\n<|endoftext|>three<|endoftext|>four',
    );
    writeFileSync(join(cwd, 'latin.txt'), Buffer.from('caf\xe9 au lait', 'latin1'));
    const latin = await tokenize(['latin.txt'], ['--encoding', 'latin1', '--tokenizer', 'word']);
    expect(latin.pieces[0].token).toBe('café');
    writeFileSync(join(cwd, 'utf16.txt'), Buffer.from('\ufeffДом', 'utf16le'));
    expect((await tokenize(['utf16.txt'])).characters).toBe(3);
  });

  test('is not standard input where the validation text is', async () => {
    const args = ['train', '-', '--valid', '-', ...TINY, '--backend', 'wasm', '--out', 'twice'];
    const { exitCode, stderr } = await runCli(args, { cwd, input: 'the fox\n' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('expected - (standard input) once, found it several times\n');
    expect(existsSync(join(cwd, 'twice'))).toBe(false);
  });
});

describe('a directory that runs are saved in', () => {
  const home = join(cwd, 'home');

  test('is the same corpus when a run goes on, and no run is a text', async () => {
    mkdirSync(home);
    writeFileSync(join(home, 'a.txt'), 'the cat and the dog and the bird\n'.repeat(30));
    const flags = ['--backend', 'wasm', '--quiet'];
    const begin = ['train', '.', ...TINY, ...flags, '--out', 'checkpoints/run'];
    expect(await runCli([...begin, '--max-steps', '2'], { cwd: home })).toMatchObject({
      exitCode: 0,
    });
    const resume = ['train', '.', '--resume', ...flags, '--out', 'checkpoints/run'];
    const resumed = await runCli([...resume, '--max-steps', '4'], { cwd: home });
    expect(resumed).toMatchObject({ exitCode: 0, stderr: '' });
    const wrong = ['eval', '--text', 'a.txt', 'checkpoints/run'];
    const { exitCode, stderr } = await runCli(wrong, { cwd: home });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('expected text, found a run of gru-lm at checkpoints/run\n');
    expect(stderr).toContain('gru-lm eval checkpoints/run --text corpus.txt\n');
  });
});

describe('a tokenizer', () => {
  test('that was saved is used again, and never overwritten', async () => {
    writeFileSync(join(cwd, 'words.txt'), 'the cat and the dog and the bird\n'.repeat(30));
    const learned = await tokenize(
      ['words.txt'],
      ['--tokenizer', 'bpe', '--vocab-size', '270', '--save', 'tokenizer.json'],
    );
    expect(learned).toMatchObject({ tokenizer: 'bpe', unknown: 0 });
    const saved = JSON.parse(readFileSync(join(cwd, 'tokenizer.json'), 'utf8'));
    expect(saved.model.type).toBe('BPE');
    const used = await tokenize(['words.txt'], ['--tokenizer-file', 'tokenizer.json']);
    expect(used.pieces).toEqual(learned.pieces);
    const again = await runCli(['tokenize', 'words.txt', '--save', 'tokenizer.json'], { cwd });
    expect(again).toMatchObject({ exitCode: 1, stdout: '' });
    expect(again.stderr).toContain('expected no file at tokenizer.json yet, found one');
    const flags = ['--tokenizer-file', 'tokenizer.json', '--max-steps', '2', '--out', 'given'];
    expect((await train(['words.txt'], flags)).exitCode).toBe(0);
    const ofRun = await tokenize(['words.txt'], ['--checkpoint', 'given']);
    expect(ofRun.pieces).toEqual(learned.pieces);
  });

  test('shows its pieces, their number and length', async () => {
    writeFileSync(join(cwd, 'short.txt'), 'to be or not to be\n');
    const { stdout, stderr, exitCode } = await runCli(
      ['tokenize', 'short.txt', '--tokenizer', 'word', '--top', '2'],
      { cwd },
    );
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toBe(
      [
        'short.txt',
        'text        19 B, 19 characters',
        'tokens      7, 2.71 bytes each',
        'vocabulary  6 (word)',
        'unknown     0 (0.00 %)',
        '',
        'how it begins',
        'to│be│or│not│to│be│<eol>│',
        '',
        'most frequent',
        '             2  28.57 %  "to"',
        '             2  28.57 %  "be"',
        '',
      ].join('\n'),
    );
  });
});
