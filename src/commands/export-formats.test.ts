/** `export` for PyTorch and ONNX, from a run to files and back. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openModel } from '../checkpoint/model.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { roundTrip } from '../export/quantize.ts';
import { SMALL_CONFIGS, smallModel } from '../export/testing/small-models.ts';
import { initialParameters } from '../model/weights.ts';
import { Random } from '../random.ts';
import { run as exportModel } from './export.ts';
import { run as importModel } from './import.ts';
import { saveModelRun } from './testing/model-run.ts';

const { signal } = new AbortController();
const root = mkdtempSync(join(tmpdir(), 'gru-lm-export-'));
const at = (...names: string[]) => join(root, ...names);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const TEXT = 'the quick brown fox jumps over the lazy dog';
const { config, weights } = smallModel(SMALL_CONFIGS['reset-before']!, 'none');
const { embeddingSize, hiddenSize, layers, gruVariant, dropout } = config;

beforeAll(async () => {
  writeFileSync(at('text.txt'), TEXT);
  const sha256 = createHash('sha256').update(TEXT).digest('hex');
  const source = { name: at('text.txt'), bytes: TEXT.length, sha256, fromRun: '../text.txt' };
  const given = {
    options: { embeddingSize, hiddenSize, layers, gruVariant, dropout, optimizer: 'adam' as const },
    tokenizer: trainTokenizer(TEXT, { kind: 'char' }),
    parameters: weights,
    data: { corpus: [source], valid: [source], test: [] },
  };
  await saveModelRun(at('run'), given);
  const attention = { attention: true, attentionSpan: 4 } as const;
  await saveModelRun(at('attending'), {
    ...given,
    options: { ...given.options, ...attention },
    parameters: initialParameters({ ...config, attentionSpan: 4 }, new Random(1)),
  });
});

/** Runs a command and gives the object that it printed. */
async function printed(command: () => Promise<void>): Promise<Record<string, unknown>> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await command();
    return JSON.parse(write.mock.calls.map(([text]) => String(text)).join(''));
  } finally {
    write.mockRestore();
  }
}

test('a run goes to PyTorch’s files and comes back as it was', async () => {
  const given = { format: 'pytorch', out: at('pytorch'), json: true } as const;
  const result = await printed(() => exportModel(given, [at('run')], signal));
  const names = ['config.json', 'model.py', 'model.safetensors', 'tokenizer.json'];
  expect(readdirSync(at('pytorch')).sort()).toEqual(names);
  expect(result).toMatchObject({ format: 'pytorch', path: at('pytorch'), step: 0 });
  expect(result).not.toHaveProperty('cost');

  await printed(() => importModel({ out: at('back'), json: true }, [at('pytorch')], signal));
  const [there, back] = await Promise.all(
    ['run', 'back'].map((name) => openModel(at(name), ['weights'])),
  );
  expect(back!.checkpoint.weights).toEqual(there!.checkpoint.weights);
  expect(back!.modelConfig).toEqual(there!.modelConfig);
  expect(back!.tokenizer.toJSON()).toEqual(there!.tokenizer.toJSON());
});

test('fewer bits cost what the weights that come back cost', async () => {
  for (const quantize of ['int8', 'float16'] as const) {
    const given = { format: 'onnx', quantize, out: at(quantize), json: true } as const;
    const result = await printed(() =>
      exportModel({ ...given, backend: 'wasm' }, [at('run')], signal),
    );
    expect(result).toMatchObject({
      quantize,
      cost: { split: 'valid', tokens: TEXT.length - 1, before: {}, after: {} },
    });
    const { before, after } = result.cost as Record<string, { natsPerToken: number }>;
    expect(Math.abs(after!.natsPerToken - before!.natsPerToken)).toBeLessThan(0.01);
    expect(after!.natsPerToken).not.toBe(before!.natsPerToken);
    const bytes = readFileSync(at(quantize, 'model.onnx')).length;
    expect(result.files).toContainEqual({ name: 'model.onnx', bytes });
  }
  expect(roundTrip(weights, 'int8')).not.toEqual(weights);
});

test('attention is refused before anything is written', async () => {
  for (const format of ['pytorch', 'onnx'] as const) {
    const command = exportModel({ format, out: at('refused') }, [at('attending')], signal);
    await expect(command).rejects.toMatchObject({
      code: 'export-unsupported',
      message: `expected a model without attention for --format ${format}, found one of --attention`,
    });
  }
  expect(readdirSync(root)).not.toContain('refused');
});
