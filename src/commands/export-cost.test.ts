/** What fewer bits cost a model of which it is known by arithmetic. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { openModel } from '../checkpoint/model.ts';
import { exportOptions } from '../config/export.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { unigramModel } from '../evaluation/testing/unigram-model.ts';
import { withDefaults } from '../option-table.ts';
import { quantizationCost, showCost } from './export-cost.ts';
import { saveModelRun } from './testing/model-run.ts';

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'gru-lm-export-cost-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const tokenizer = trainTokenizer('abc', { kind: 'char' }); // a, b, c, <unk>
const probabilities = [0.5, 0.3, 0.15, 0.05];
const options = (quantize: 'int8' | 'float16') =>
  withDefaults(exportOptions, { quantize, backend: 'wasm', json: true });

async function saveRun(name: string, text: string): Promise<void> {
  const path = join(directory, `${name}.txt`);
  writeFileSync(path, text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const source = { name: path, bytes: text.length, sha256, fromRun: `../${name}.txt` };
  await saveModelRun(join(directory, name), {
    options: {
      ...{ hiddenSize: 3, embeddingSize: 2, layers: 1, batchSize: 2, optimizer: 'adam' },
      gruVariant: 'reset-after',
    },
    tokenizer,
    parameters: unigramModel(probabilities).parameters,
    data: { corpus: [source], valid: [source], test: [] },
  });
}

test('the validation part is scored by the weights as they are and as they are kept', async () => {
  await saveRun('run', 'abcabdaba');
  const model = await openModel(join(directory, 'run'), ['weights']);
  // The first a is not scored; d is <unk>. The losses are those of b c a b <unk> a b a.
  const nats = (p: readonly number[]) => {
    const total = Math.log(p.reduce((sum, each) => sum + each, 0));
    const counts = [3, 3, 1, 1];
    return counts.reduce((sum, n, i) => sum + n * (total - Math.log(p[i]!)), 0) / 8;
  };
  // log 0.5, 0.3, 0.15 and 0.05 as binary16, from 11 bits of each.
  const halves = [-0.693359375, -1.2041015625, -1.8974609375, -2.99609375];

  const half = await quantizationCost(model, options('float16'), signal);
  expect(half).toMatchObject({ split: 'valid', tokens: 8 });
  expect(half!.before.natsPerToken).toBeCloseTo(nats(probabilities), 6);
  expect(half!.after.natsPerToken).toBeCloseTo(nats(halves.map(Math.exp)), 6);
  expect(half!.after.natsPerToken).not.toBe(half!.before.natsPerToken);
  expect(half!.after.perplexity).toBe(Math.exp(half!.after.natsPerToken));

  // Nothing but matrices has fewer bits in int8, and all here are zeros.
  const int8 = await quantizationCost(model, options('int8'), signal);
  expect(int8!.after).toEqual(int8!.before);
});

test('it is shown in a line', () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    const before = { natsPerToken: 1.41559, perplexity: 4.118936 };
    const after = { natsPerToken: 1.415923, perplexity: 4.120312 };
    showCost(options('int8'), { split: 'valid', tokens: 111539, before, after });
    expect(write.mock.calls.flat().join('')).toBe(
      'int8 costs 0.00033 nats a token on the validation part: perplexity 4.120, before 4.119 ' +
        '(111,539 tokens)\n',
    );
  } finally {
    write.mockRestore();
  }
});

test('where the text is gone the cost is unknown, and a notice says so', async () => {
  await saveRun('gone', 'abc');
  rmSync(join(directory, 'gone.txt'));
  const model = await openModel(join(directory, 'gone'), ['weights']);
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    expect(await quantizationCost(model, options('int8'), signal)).toBeUndefined();
    expect(write.mock.calls.flat().join('')).toMatch(
      /^The perplexity that fewer bits cost is not known: expected the run’s corpus where it was/,
    );
  } finally {
    write.mockRestore();
  }
});
