import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { usableBackends } from './cli-backends.ts';
import {
  type JsonLine,
  runCli,
  sampleText,
  temporaryDirectory,
  trainTiny,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();
let events: JsonLine[];
/** Of the run that `events` tell of. */
let report: Report;

beforeAll(async () => {
  writeCorpus(cwd);
  events = await trainTiny(cwd, ['--valid-split', '0.3']);
  report = await evaluate([]);
});

interface Report {
  tokens: number;
  oovTokens: number;
  natsPerToken: number;
  perplexity: number;
  perplexityWithoutOov: number | null;
  perplexityPerWord: number;
  words: number;
  bitsPerCharacter: number;
  bitsPerByte: number;
}

async function evaluate(args: string[], directory = cwd): Promise<Report> {
  const backend = args.includes('--backend') ? [] : ['--backend', 'wasm'];
  const result = await runCli(['eval', '--json', ...backend, ...args], { cwd: directory });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return JSON.parse(result.stdout) as Report;
}

/** The relative difference. */
function difference(a: number, b: number): number {
  return Math.abs(a / b - 1);
}

describe.concurrent('figures', () => {
  test('--perplexity prints one number: exp of the loss that training reported', async () => {
    const evals = events.filter(({ event }) => event === 'eval');
    const { stdout, stderr } = await runCli(['eval', '--perplexity', '--backend', 'wasm'], { cwd });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\d+\.\d+\n$/);
    const reported = evals.at(-1) as unknown as { natsPerToken: number; perplexity: number };
    expect(difference(Number(stdout), Math.exp(reported.natsPerToken))).toBeLessThan(1e-4);
    expect(reported.perplexity).toBeCloseTo(Math.exp(reported.natsPerToken), 9);
    expect(events.at(-1)?.bestNatsPerToken).toBe(reported.natsPerToken);
  });

  test('--json has the agreed keys, and they agree with each other', () => {
    expect(Object.keys(report)).toEqual([
      ...['split', 'tokens', 'oovTokens', 'natsPerToken', 'perplexity', 'perplexityWithoutOov'],
      ...['perplexityPerWord', 'words', 'bitsPerCharacter', 'bitsPerByte', 'streams', 'convention'],
      ...['textId', 'tokenizerId', 'checkpoint', 'step'],
    ]);
    const tokens = (events[0]?.validTokens as number) - 1;
    expect(report).toMatchObject({ split: 'valid', tokens, oovTokens: 0, streams: 1 });
    expect(report.perplexity).toBeCloseTo(Math.exp(report.natsPerToken), 9);
    expect(report.perplexityWithoutOov).toBeCloseTo(report.perplexity, 9);
    // A token is a character here, and the text is ASCII.
    expect(report.bitsPerCharacter).toBeCloseTo(report.natsPerToken / Math.LN2, 9);
    expect(report.bitsPerByte).toBe(report.bitsPerCharacter);
    expect(report.perplexityPerWord).toBeCloseTo(
      Math.exp((report.natsPerToken * tokens) / report.words),
      6,
    );
  });

  test('the table for people names the convention and fits 80 columns', async () => {
    const { stdout, stderr } = await runCli(['eval', '--backend', 'wasm'], { cwd });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^valid under corpus\/step-/);
    expect(stdout).toMatch(
      /^model +perplexity +no <unk> +per word +nats\/token +bits\/char +bits\/byte$/m,
    );
    expect(stdout).toMatch(/^static( +\d\S+){6}$/m);
    expect(stdout).toMatch(/^convention +exp\(total nats/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('--baseline puts the figures of an n-gram model beside them', async () => {
    const both = await evaluate(['--baseline', 'ngram:3']);
    expect(both).toMatchObject(report);
    const { baseline } = both as Report & { baseline: Report & { trainTokens: number } };
    expect(baseline).toMatchObject({ name: 'ngram', order: 3, tokens: report.tokens });
    expect(baseline.trainTokens).toBe(events[0]?.trainTokens);
    expect(baseline.perplexity).toBeCloseTo(Math.exp(baseline.natsPerToken), 9);
    // The text repeats itself, and the model has hardly begun.
    expect(baseline.perplexity).toBeLessThan(report.perplexity / 2);
    const other = ['--text', 'corpus.txt', '--baseline', 'ngram'];
    const { stdout } = await runCli(['eval', '--backend', 'wasm', ...other], { cwd });
    expect(stdout).toMatch(/^static( +\d\S+){6}\n5-grams( +\d\S+){6}$/m);
    expect(stdout).toMatch(/^5-grams +modified Kneser–Ney, learned from [\d,]+ training tokens$/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('compare takes the runs’ own part, and finds no difference between a run and itself', async () => {
    const run = 'checkpoints/corpus';
    const args = ['compare', run, run, '--json', '--backend', 'wasm'];
    const { stdout, stderr } = await runCli(args, { cwd });
    expect(stderr).toBe('');
    const { split, models } = JSON.parse(stdout) as { split: string; models: object[] };
    expect(split).toBe('valid');
    expect(models[1]).toMatchObject({
      difference: { against: run, natsPerWord: 0, low: 0, high: 0, betterShare: 0 },
    });
  });

  test('--cache and --dynamic have figures of their own, and so has the mixture with n-grams', async () => {
    const flags = ['--baseline', 'ngram:3', '--cache', '--dynamic', '--dynamic-rate', '0'];
    const all = (await evaluate(flags)) as Report &
      Record<'baseline' | 'interpolated' | 'cache' | 'dynamic', Report & { weight: number }>;
    expect(all).toMatchObject(report);
    expect(Object.keys(all).slice(-4)).toEqual(['baseline', 'interpolated', 'cache', 'dynamic']);
    for (const { tokens } of [all.baseline, all.interpolated, all.cache, all.dynamic]) {
      expect(tokens).toBe(report.tokens);
    }
    // The text repeats itself: what has been read tells more than a model that has hardly begun.
    expect(all.interpolated.natsPerToken).toBeLessThan(all.baseline.natsPerToken + 0.01);
    expect(all.interpolated.weight).toBeGreaterThan(0.5);
    expect(all.cache).toMatchObject({ weightsFrom: 'halves', size: 2000 });
    expect(all.cache.natsPerToken).toBeLessThan(report.natsPerToken / 2);
    expect(difference(all.dynamic.natsPerToken, report.natsPerToken)).toBeLessThan(1e-5);
    const { stdout } = await runCli(['eval', '--backend', 'wasm', '--cache', '--dynamic'], { cwd });
    expect(stdout).toMatch(/^\+ cache( +\d\S+){6}$/m);
    const rows = [...stdout.matchAll(/^(static|\+ dynamic) +\d\S+ +\d\S+ +\d\S+ +(\d\S+)/gm)];
    expect(rows.map(([, name]) => name)).toEqual(['static', '+ dynamic']);
    expect(Number(rows[1]?.[2])).toBeLessThan(Number(rows[0]?.[2]));
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('a text’s bits are spread over its own characters and bytes', async () => {
    writeFileSync(join(cwd, 'accents.txt'), 'é fox jumps\n'.repeat(30));
    await trainTiny(cwd, ['accents.txt', '--out', 'accents', '--max-steps', '2']);
    const report = await evaluate(['accents', '--text', 'accents.txt']);
    expect(report.tokens).toBe(12 * 30 - 1);
    const nats = report.natsPerToken * report.tokens;
    expect(report.bitsPerCharacter).toBeCloseTo(nats / Math.LN2 / (12 * 30 - 1), 9);
    expect(report.bitsPerByte).toBeCloseTo(nats / Math.LN2 / (13 * 30 - 2), 9);
  });

  test('unknown words are counted, and left out of one of the two perplexities', async () => {
    writeFileSync(join(cwd, 'unknown.txt'), 'the red fox runs over the dog\nthe cat\n');
    const flags = ['--tokenizer', 'word', '--out', 'words', '--max-steps', '5'];
    await trainTiny(cwd, flags);
    const report = await evaluate(['words', '--text', 'unknown.txt']);
    expect(report.oovTokens).toBe(2);
    expect(report.perplexityWithoutOov).toBeGreaterThan(1);
    expect(report.perplexityWithoutOov).not.toBe(report.perplexity);
  });
});

describe('texts', () => {
  test('--text - evaluates standard input as it would the file', async () => {
    const text = sampleText(9);
    writeFileSync(join(cwd, 'other.txt'), text);
    const args = ['eval', 'checkpoints/corpus', '--perplexity', '--backend', 'wasm', '--text', '-'];
    const { stdout } = await runCli(args, { cwd, input: text });
    const report = await evaluate(['checkpoints/corpus', '--text', 'other.txt']);
    expect(difference(Number(stdout), report.perplexity)).toBeLessThan(1e-8);
    expect(report.tokens).toBe(text.length - 1);
  });

  test('run and corpus may move together; without the corpus a message says so', async () => {
    const before = join(cwd, 'before');
    mkdirSync(before);
    cpSync(join(cwd, 'corpus.txt'), join(before, 'corpus.txt'));
    cpSync(join(cwd, 'checkpoints/corpus'), join(before, 'checkpoints/corpus'), {
      recursive: true,
    });
    renameSync(before, join(cwd, 'after'));
    // From elsewhere, so that only the path from the run can lead to the corpus.
    mkdirSync(join(cwd, 'elsewhere'));
    const run = join(cwd, 'after/checkpoints/corpus');
    expect((await evaluate([run], join(cwd, 'elsewhere'))).perplexity).toBe(report.perplexity);
    rmSync(join(cwd, 'after/corpus.txt'));
    const result = await runCli(['eval', run, '--backend', 'wasm'], {
      cwd: join(cwd, 'elsewhere'),
    });
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    expect(result.stderr).toBe(
      'error: expected the run’s corpus where it was (corpus.txt), found it there no more\n' +
        '  Put it back, or name a text with --text FILE.\n',
    );
    const other = ['eval', run, '--text', join(cwd, 'corpus.txt'), '--backend', 'wasm'];
    const baseline = await runCli([...other, '--baseline', 'ngram'], {
      cwd: join(cwd, 'elsewhere'),
    });
    expect(baseline).toMatchObject({ exitCode: 1, stdout: '' });
    expect(baseline.stderr).toBe(
      'error: expected the run’s corpus where it was (corpus.txt), found it there no more\n' +
        '  The baseline learns from the text that the run was trained on: put it back, or leave out --baseline.\n',
    );
  });
});

describe.runIf(usableBackends().includes('cpu'))('a checkpoint of one backend on another', () => {
  test('wasm → cpu: the same perplexity and the same text', async () => {
    const there = await evaluate(['checkpoints/corpus', '--backend', 'cpu']);
    expect(difference(there.perplexity, report.perplexity)).toBeLessThan(1e-4);
    const [wasm, cpu] = await Promise.all(
      ['wasm', 'cpu'].map((backend) =>
        runCli(
          ['sample', 'checkpoints/corpus', '--seed', '1', '--length', '30', '--backend', backend],
          { cwd },
        ),
      ),
    );
    expect(cpu).toMatchObject({ exitCode: 0, stderr: '' });
    expect(cpu?.stdout).toBe(wasm?.stdout);
  });

  test('cpu → wasm: the perplexity that training reported', async () => {
    const flags = ['--backend', 'cpu', '--precision', 'float32', '--out', 'from-cpu'];
    const trained = await trainTiny(cwd, flags);
    const { perplexity } = await evaluate(['from-cpu', '--backend', 'wasm']);
    const reported = Math.exp(trained.at(-1)?.bestNatsPerToken as number);
    expect(difference(perplexity, reported)).toBeLessThan(1e-4);
  });
});
