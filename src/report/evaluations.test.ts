/** What a report takes from files of `eval --json`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { readEvaluations } from './evaluations.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-evaluations-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const { signal } = new AbortController();
const runs = [{ name: 'fox', path: 'checkpoints/fox' }];

function read(content: string | Uint8Array) {
  const path = join(directory, 'eval.json');
  writeFileSync(path, content);
  return readEvaluations(path, runs, signal);
}

const figures = (perplexity: number) => ({
  ...{ tokens: 12, oovTokens: 0, natsPerToken: 1.5, perplexity, perplexityWithoutOov: 4 },
  ...{ perplexityPerWord: 90, words: 3, bitsPerCharacter: 2, bitsPerByte: null },
});
const evaluation = (more: object = {}) => ({
  ...{ split: 'valid', ...figures(4.5), streams: 1, convention: 'one stream' },
  ...{ textId: 'a1', tokenizerId: 'b1' },
  ...{ checkpoint: 'checkpoints/fox/step-00001200', step: 1200, ...more },
});

test('each object is a row, and so is each row and text in it', async () => {
  const lines = [
    { token: 'a', nats: 1 },
    evaluation({
      baseline: { name: 'ngram', order: 3, ...figures(6) },
      interpolated: { order: 3, weight: 0.5, ...figures(4.2) },
      cache: { size: 2000, ...figures(4.1) },
    }),
    evaluation({
      ...{ split: 'a.txt b.txt', checkpoint: '/elsewhere/dog/step-00000003' },
      texts: [{ text: 'a.txt', textId: 'a2', ...figures(7) }],
    }),
  ];
  const rows = await read(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
  expect(rows.map(({ name, text, figures: { perplexity } }) => [name, text, perplexity])).toEqual([
    ['fox, step 1,200', 'valid', 4.5],
    ['3-grams', 'valid', 6],
    ['fox, step 1,200 + n-gram', 'valid', 4.2],
    ['fox, step 1,200 + cache', 'valid', 4.1],
    ['dog/step-00000003', 'a.txt b.txt', 4.5],
    ['dog/step-00000003', 'a.txt', 7],
  ]);
  expect(rows.map(({ textId }) => textId)).toEqual(['a1', 'a1', 'a1', 'a1', 'a1', 'a2']);
  expect(rows[0]).toEqual({
    ...{ name: 'fox, step 1,200', text: 'valid', convention: 'one stream' },
    ...{ textId: 'a1', tokenizerId: 'b1' },
    figures: {
      ...{ perplexity: 4.5, perplexityWithoutOov: 4, perplexityPerWord: 90, natsPerToken: 1.5 },
      ...{ bitsPerCharacter: 2, bitsPerByte: null, tokens: 12 },
    },
  });
});

test('a file without any is refused, and says what makes one', async () => {
  const message = `expected what gru-lm eval --json prints in ${join(directory, 'eval.json')}, found none in it`;
  for (const content of [
    ...['', '4.5\n', '{"event":"end"}\n', '{"convention":', '[{"convention":"x"}]'],
    JSON.stringify({ ...evaluation(), perplexity: 'high' }),
    JSON.stringify({ ...evaluation(), tokens: null }),
    JSON.stringify({ ...evaluation(), textId: undefined }),
  ]) {
    await expect(read(content)).rejects.toThrow(message);
  }
  await expect(readEvaluations(join(directory, 'none.json'), runs, signal)).rejects.toThrow(
    'found ENOENT',
  );
});

test('whatever a file has, it is rows of texts and numbers or refused', async () => {
  const value = fc.jsonValue();
  const object = fc
    .record({ baseline: value, texts: value, checkpoint: value, step: value, other: value })
    .map((more) => JSON.stringify(evaluation(more)));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(object, fc.string())), async (lines) => {
      const rows = await read(lines.join('\n')).catch(({ code }: { code: string }) => code);
      if (typeof rows === 'string') expect(rows).toBe('report-evaluation');
      else
        for (const { name, text } of rows)
          expect(`${typeof name} ${typeof text}`).toBe('string string');
    }),
    { numRuns: 50 },
  );
});
