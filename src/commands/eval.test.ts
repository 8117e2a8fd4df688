/** What `eval` and `compare` refuse before anything is computed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { unigramModel } from '../evaluation/testing/unigram-model.ts';
import { run as compare } from './compare.ts';
import { run as evaluate } from './eval.ts';
import { saveModelRun } from './testing/model-run.ts';

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'gru-lm-eval-'));
const at = (name: string) => join(directory, name);
const text = [at('text.txt')];

async function save(
  name: string,
  tokenizer: Tokenizer,
  reading: { newlines?: 'lf' } = {},
): Promise<void> {
  const { parameters } = unigramModel(Array(tokenizer.vocabularySize).fill(1) as number[]);
  await saveModelRun(at(name), {
    options: {
      ...{ hiddenSize: 3, embeddingSize: 2, layers: 1, batchSize: 2, optimizer: 'adam' },
      gruVariant: 'reset-after',
      ...reading,
    },
    tokenizer,
    parameters,
  });
}

beforeAll(async () => {
  writeFileSync(at('text.txt'), 'not to be\n');
  writeFileSync(at('short.txt'), 'to be\n');
  writeFileSync(at('crlf.txt'), 'to be\r\nor not\r\n');
  await save('words', trainTokenizer('to be or not to be\n', { kind: 'word' }));
  await save('lf', trainTokenizer('to be\n', { kind: 'char' }), { newlines: 'lf' });
  await save('lower', trainTokenizer('to be\n', { kind: 'word', lowercase: true }));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The error that a command ends with. */
async function refusal(
  command: Promise<void>,
): Promise<Pick<UserError, 'code' | 'message' | 'hint'>> {
  const error = await command.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UserError)) throw error ?? new Error('expected an error, found none');
  return { code: error.code, message: error.message, hint: error.hint };
}

describe('eval refuses', () => {
  it('two conventions at once', async () => {
    expect(
      await refusal(evaluate({ streams: 2, resetPerLine: true }, [at('words')], signal)),
    ).toEqual({
      code: 'usage',
      message: 'expected at most one of --streams and --reset-per-line, found both',
      hint: 'Give --streams N for PyTorch’s convention, --reset-per-line for KenLM’s.',
    });
  });

  it('to adapt to a text that is no single stream', async () => {
    expect(await refusal(evaluate({ cache: true, streams: 2 }, [], signal))).toEqual({
      code: 'usage',
      message: 'expected at most one of --cache and --streams, found both',
      hint: 'Leave out --streams: what adapts to a text reads it in one stream, from its beginning to its end.',
    });
    expect(
      await refusal(evaluate({ dynamic: true, resetPerLine: true }, [], signal)),
    ).toMatchObject({
      code: 'usage',
      message: 'expected at most one of --dynamic and --reset-per-line, found both',
    });
  });

  it('tokens where one number is to be printed, and with figures that would not be', async () => {
    expect(await refusal(evaluate({ perToken: true, perplexity: true }, [], signal))).toMatchObject(
      {
        code: 'usage',
        message: 'expected at most one of --perplexity and --per-token, found both',
      },
    );
    expect(await refusal(evaluate({ perToken: true, baseline: 'ngram' }, [], signal))).toEqual({
      code: 'usage',
      message: 'expected --json with --per-token and --baseline, found them without',
      hint: 'Add --json, which gives the figures after the tokens; otherwise --per-token prints tokens alone.',
    });
  });

  it('to read in another way what it is not told to read', async () => {
    for (const [given, flag] of [
      [{ encoding: 'latin1' }, '--encoding'],
      [{ newlines: 'keep' }, '--newlines'],
      [{ textField: 'body' }, '--text-field'],
    ] as const) {
      expect(await refusal(evaluate(given, [at('words')], signal))).toEqual({
        code: 'usage',
        message: `expected --text with ${flag}, found it without`,
        hint: `Leave out ${flag}: the run’s own text is read as it was for training; --text FILE names another.`,
      });
    }
  });

  it('a rate for what does not learn', async () => {
    expect(await refusal(evaluate({ dynamicRate: 0 }, [], signal))).toEqual({
      code: 'usage',
      message: 'expected --dynamic with --dynamic-rate, found it without',
      hint: 'Add --dynamic, whose steps it is the rate of, or leave out --dynamic-rate.',
    });
  });

  it('more streams than the text has tokens for', async () => {
    expect(await refusal(evaluate({ text, streams: 3 }, [at('words')], signal))).toEqual({
      code: 'corpus-too-short',
      message: `${text[0]}: expected at least 6 tokens, since the first of each stream is not scored, found 4`,
      hint: 'Name a longer text with --text FILE, or fewer --streams.',
    });
  });
});

describe('compare refuses', () => {
  it('a single model', async () => {
    expect(await refusal(compare({}, ['words'], signal))).toEqual({
      code: 'usage',
      message: 'expected at least 2 checkpoints to compare, found 1',
      hint: 'Name several; gru-lm eval measures one.',
    });
  });

  it('to read in another way the runs’ own text', async () => {
    const names = [at('words'), at('words')];
    expect(await refusal(compare({ newlines: 'lf' }, names, signal))).toMatchObject({
      code: 'usage',
      message: 'expected --text with --newlines, found it without',
    });
  });

  it('standard input, which can be read once', async () => {
    const names = [at('words'), at('words')];
    expect(await refusal(compare({ text: ['-'] }, names, signal))).toEqual({
      code: 'usage',
      message: 'expected files to compare on, found - (standard input)',
      hint: 'Each model reads the text for itself: put it into a file, and name that with --text.',
    });
  });

  it('models of which one lowercases', async () => {
    const names = [at('words'), at('lower')];
    expect(await refusal(compare({ text }, names, signal))).toEqual({
      code: 'text-normalisation',
      message:
        `expected models that read text in the same way, found ${names[0]} to read it as it is and ` +
        `${names[1]} in lowercase`,
      hint: 'What is lowercased is another text, and easier to predict: train both with or without --lowercase.',
    });
  });

  it('models that make different texts of a file', async () => {
    const names = [at('words'), at('lf')];
    const crlf = [at('crlf.txt')];
    expect(await refusal(compare({ text: crlf }, names, signal))).toEqual({
      code: 'text-differs',
      message:
        `expected one text for all models, found another for ${names[1]} (13 bytes) than for ` +
        `${names[0]} (15 bytes)`,
      hint: 'They were trained to read files in different ways: say with --encoding, --newlines or --text-field how all of them are to.',
    });
  });

  it('a text of two words', async () => {
    const names = [at('words'), at('words')];
    expect(await refusal(compare({ text: [at('short.txt')] }, names, signal))).toMatchObject({
      code: 'corpus-too-short',
      message: `${at('short.txt')}: expected at least 3 words to compare models on, found fewer`,
    });
  });
});
