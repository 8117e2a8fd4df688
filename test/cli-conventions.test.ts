/** eval, score and compare of models whose every probability is known: those of docs/evaluation.md. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { saveModelRun } from '../src/commands/testing/model-run.ts';
import { trainTokenizer } from '../src/data/tokenizer.ts';
import { WordTokenizer } from '../src/data/word-tokenizer.ts';
import { unigramModel } from '../src/evaluation/testing/unigram-model.ts';
import { PROGRAM } from '../torture/program.ts';
import { runCli, runProcess, shellCommand, temporaryDirectory } from './cli-process.ts';

const cwd = temporaryDirectory();
const TEXT = 'to be or not to be\nto be or else\n';
const WORDS = ['to', 'be', 'or', 'not'];
const LN2 = Math.LN2;
const SIZES = { hiddenSize: 3, embeddingSize: 2, layers: 1, batchSize: 2 } as const;
const MACHINE = { gruVariant: 'reset-after', optimizer: 'adam' } as const;
const wasm = ['--backend', 'wasm'];

/** A model of words of which <unk>, the line end, to, be, or and not have these probabilities. */
async function saveWords(name: string, probabilities: number[]): Promise<void> {
  const { parameters } = unigramModel(probabilities);
  const tokenizer = new WordTokenizer(WORDS, {
    lowercase: false,
    endOfText: false,
    wordSplit: 'whitespace',
  });
  const options = { ...SIZES, ...MACHINE, tokenizer: 'word' } as const;
  await saveModelRun(join(cwd, name), { options, tokenizer, parameters });
}

beforeAll(async () => {
  writeFileSync(join(cwd, 'text.txt'), TEXT);
  writeFileSync(join(cwd, 'other.txt'), 'not to be\n');
  await saveWords('words', [1 / 16, 1 / 4, 1 / 4, 1 / 4, 1 / 8, 1 / 16]);
  const tokenizer = trainTokenizer(TEXT, { kind: 'char' });
  const { parameters } = unigramModel(Array(tokenizer.vocabularySize).fill(1 / 11) as number[]);
  const options = { ...SIZES, ...MACHINE, tokenizer: 'char' } as const;
  await saveModelRun(join(cwd, 'chars'), { options, tokenizer, parameters });
});

async function output(args: string[], input?: string): Promise<string> {
  const run = await runCli([...args, ...wasm], { cwd, ...(input === undefined ? {} : { input }) });
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  return run.stdout;
}

function objects(stdout: string): Record<string, number>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
}

describe.concurrent('eval', () => {
  test('--reset-per-line scores each line and its end from zeros', async () => {
    const [report] = objects(
      await output(['eval', 'words', '--text', 'text.txt', '--reset-per-line', '--json']),
    );
    expect(report).toMatchObject({ tokens: 12, oovTokens: 1, words: 12, streams: 2 });
    expect(report!.natsPerToken).toBeCloseTo(2.5 * LN2, 6);
    expect(report!.perplexityWithoutOov).toBeCloseTo(2 ** (26 / 11), 5);
    expect(report!.bitsPerCharacter).toBeCloseTo(30 / 33, 6);
    expect(report!.convention).toContain('KenLM');
  });

  test('--per-token prints a line a token, by stream', async () => {
    const stdout = await output([
      ...['eval', 'words', '--text', 'text.txt', '--streams', '3', '--per-token'],
    ]);
    const [header, ...rows] = stdout.trimEnd().split('\n');
    expect(header).toBe('token\tid\tplace\tnats');
    const bits = rows.map((row) => {
      const [token, id, place, nats] = row.split('\t');
      return [token, Number(id), Number(place), Math.round((Number(nats) / LN2) * 1e4) / 1e4];
    });
    expect(bits).toEqual([
      ...[
        ['be', 3, 1, 2],
        ['or', 4, 2, 3],
        ['not', 5, 3, 4],
      ],
      ...[
        ['be', 3, 5, 2],
        ['<eol>', 1, 6, 2],
        ['to', 2, 7, 2],
      ],
      ...[
        ['or', 4, 9, 3],
        ['<unk>', 0, 10, 4],
        ['<eol>', 1, 11, 2],
      ],
    ]);
  });

  test('--per-token --json is an object a token, with its line, and the figures last', async () => {
    const args = ['eval', 'words', '--text', 'text.txt', '--reset-per-line', '--per-token'];
    const lines = objects(await output([...args, '--json']));
    const tokens = lines.slice(0, -1);
    const report = lines.at(-1)!;
    expect(tokens.every((line) => 'token' in line && !('split' in line))).toBe(true);
    expect(report).toMatchObject({ split: 'text.txt', tokens: tokens.length });
    expect(tokens.map(({ line }) => line).join('')).toBe('111111122222');
    expect(tokens.map(({ place }) => place).join('')).toBe('123456712345');
    const nats = tokens.reduce((sum, token) => sum + token.nats!, 0);
    expect(nats / report.tokens!).toBeCloseTo(report.natsPerToken!, 8);
  });

  test('several texts are one, and each has figures of its own', async () => {
    const texts = ['--text', 'text.txt', 'other.txt'];
    const [report] = objects(await output(['eval', 'words', ...texts, '--json']));
    // As one text of 16 tokens: 28 bits, and 4 + 2 + 2 + 2.
    expect(report!.tokens).toBe(15);
    expect(report!.natsPerToken).toBeCloseTo((38 / 15) * LN2, 6);
    const each = report!.texts as unknown as Record<string, number>[];
    expect(each.map(({ text, tokens }) => [text, tokens])).toEqual([
      ['text.txt', 11],
      ['other.txt', 3],
    ]);
    const ids = [report!, ...each].map(({ textId }) => textId);
    expect(new Set(ids).size).toBe(3);
    const [alone] = objects(await output(['eval', 'chars', '--text', 'text.txt', '--json']));
    expect(alone!.textId).toBe(each[0]!.textId);
    expect(alone!.tokenizerId).not.toBe(report!.tokenizerId);
    expect(each[0]!.natsPerToken).toBeCloseTo((28 / 11) * LN2, 6);
    expect(each[1]!.natsPerToken).toBeCloseTo(2 * LN2, 6);
    const table = await output(['eval', 'words', ...texts]);
    expect(table).toMatch(/^each by itself +perplexity +nats\/token +bits\/char +tokens$/m);
    expect(table).toMatch(/^other\.txt +4\.000 +1\.3863 /m);
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe.concurrent('score', () => {
  test('prints a row a line, of standard input or a file, empty lines too', async () => {
    const rows = (await output(['score', 'words'], `${TEXT}\nto`)).split('\n');
    expect(rows[0]).toBe('line\tlogProbability\ttokens\toovTokens');
    const found = rows.slice(1, -1).map((row) => row.split('\t').map(Number));
    expect(found.map(([line, , ...counts]) => [line, ...counts])).toEqual([
      [1, 7, 0],
      [2, 5, 1],
      [3, 1, 0],
      [4, 2, 0],
    ]);
    for (const [i, bits] of [17, 13, 2, 4].entries()) {
      expect(found[i]![1]).toBeCloseTo(-bits * LN2, 5);
    }
    const lines = objects(await output(['score', 'words', '--text', 'text.txt', '--json']));
    expect(lines.map(({ line, tokens, oovTokens }) => [line, tokens, oovTokens])).toEqual([
      [1, 7, 0],
      [2, 5, 1],
    ]);
    expect(lines[1]!.logProbability).toBe(found[1]![1]);
    expect(await output(['score', 'words', '--json'], '')).toBe('');
  });

  test('answers a line before the next one comes, and ends with Ctrl-C', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'score', 'words', ...wasm, '--json'], { cwd });
    let seen = '';
    const answered = (lines: number) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (seen.split('\n').length > lines) resolve();
        };
        child.stdout.on('data', look);
        look();
      });
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      seen += piece;
    });
    for (const [i, line] of ['to\n', 'be\n'].entries()) {
      child.stdin.write(line);
      await answered(i + 1);
    }
    child.kill('SIGINT');
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect(exitCode).toBe(130);
    expect(objects(seen).map(({ line }) => line)).toEqual([1, 2]);
  });

  test('ends quietly when nothing reads its output any more', async () => {
    const command = `yes 'to be' | ${shellCommand(['score', 'words', ...wasm])} | head -n 2; echo "\${PIPESTATUS[1]}"`;
    const { stdout, stderr } = await runProcess('bash', ['-c', command], { cwd });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^line\t.*\n1\t-\d.*\n0\n$/);
  });
});

describe.concurrent('compare', () => {
  test('adds up the same bytes for models of unlike tokens', async () => {
    const [found] = objects(
      await output(['compare', 'words', 'chars', '--text', 'text.txt', '--json']),
    ) as unknown as {
      words: number;
      bytes: number;
      segments: { count: number; unit: string; per: number };
      notes: string[];
      models: {
        model: string;
        tokens: number;
        nats: number;
        perplexityPerWord: number;
        difference?: { against: string; natsPerWord: number; low: number; high: number };
      }[];
    }[];
    expect(found!.notes.map((note) => note.split(':')[0])).toEqual([
      'of fewer than 20 segments intervals are too narrow',
      'an unknown word costs little',
    ]);
    // All but "to": 9 words and 2 line ends, of 31 characters that are one of 11 each.
    expect(found).toMatchObject({ words: 11, bytes: 31, segments: { unit: 'words', per: 1 } });
    const [words, chars] = found!.models;
    expect(words).toMatchObject({ model: 'words', tokens: 11 });
    expect(words!.nats).toBeCloseTo(28 * LN2, 4);
    expect(words!.perplexityPerWord).toBeCloseTo(2 ** (28 / 11), 4);
    expect(chars).toMatchObject({ model: 'chars', tokens: 31 });
    expect(chars!.nats).toBeCloseTo(31 * Math.log(11), 3);
    const { against, natsPerWord, low, high } = chars!.difference!;
    expect(against).toBe('words');
    expect(natsPerWord).toBeCloseTo((31 * Math.log(11) - 28 * LN2) / 11, 4);
    expect(low).toBeLessThan(natsPerWord);
    expect(high).toBeGreaterThan(natsPerWord);
    expect(low).toBeGreaterThan(0);
  });

  test('shows it in a table of 80 columns', async () => {
    writeFileSync(join(cwd, 'indented.txt'), TEXT.replace('\n', '\n  '));
    const args = ['compare', 'words', 'chars', 'words', '--text'];
    expect(await output([...args, 'indented.txt'])).toContain('no single spaces: 2\n');
    const table = await output([...args, 'text.txt']);
    expect(table).toMatch(/^text\.txt: 11 words$/m);
    expect(table).toMatch(/^note +of fewer than 20 segments intervals are too narrow/m);
    expect(table).not.toContain('white space');
    expect(table).toMatch(/^words +11 +1 +5\.838 /m);
    expect(table).toMatch(/^against words +nats\/word +95 % interval +better in$/m);
    expect(table).toMatch(/^words +0\.0000 +0\.0000 to 0\.0000 +0\.0 %$/m);
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
