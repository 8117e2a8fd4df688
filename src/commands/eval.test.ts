/** What `eval` refuses before anything is computed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { unigramModel } from '../evaluation/testing/unigram-model.ts';
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

  it('more streams than the text has tokens for', async () => {
    expect(await refusal(evaluate({ text, streams: 3 }, [at('words')], signal))).toEqual({
      code: 'corpus-too-short',
      message: `${text[0]}: expected at least 6 tokens, since the first of each stream is not scored, found 4`,
      hint: 'Name a longer text with --text FILE, or fewer --streams.',
    });
  });
});
