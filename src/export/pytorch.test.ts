/**
 * What is written for PyTorch. That it gives the same logits there is what `npm run check:pytorch` finds; here is
 * tested that what it found right is what is written still.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { type ExportedModel, exportedModel } from './exported-model.ts';
import { pytorchFiles } from './pytorch.ts';
import { type Quantization, quantize } from './quantize.ts';
import { SMALL_CONFIGS, smallModel } from './testing/small-models.ts';

const fixture = JSON.parse(
  readFileSync(new URL('fixtures/pytorch-sources.json', import.meta.url), 'utf8'),
) as { sources: Record<string, string> };

function contentOf(model: ExportedModel, wanted: string): Buffer {
  const { content } = pytorchFiles(model).find(({ name }) => name === wanted)!;
  return Buffer.concat(content instanceof Uint8Array ? [content] : [...content]);
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A safetensors file’s header, and the bytes of each tensor. */
function tensorsOf(model: ExportedModel): Map<string, Entry & { bytes: Buffer }> {
  const file = contentOf(model, 'model.safetensors');
  const start = 8 + Number(file.readBigUInt64LE());
  const { __metadata__, ...header } = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    Entry
  >;
  expect(__metadata__).toEqual({ format: 'pt' });
  return new Map(
    Object.entries(header).map(([name, entry]) => {
      const [from, to] = entry.data_offsets;
      return [name, { ...entry, bytes: file.subarray(start + from, start + to) }];
    }),
  );
}

const configOf = (kind: string) => SMALL_CONFIGS[kind] as ModelConfig;

test('the Python files are those that were run in PyTorch', () => {
  const sources = Object.keys(SMALL_CONFIGS).flatMap((kind) =>
    (['none', 'int8', 'float16'] as const).map((quantization) => {
      const source = contentOf(smallModel(configOf(kind), quantization), 'model.py');
      return [`${kind}, ${quantization}`, createHash('sha256').update(source).digest('hex')];
    }),
  );
  // After a change: npm run check:pytorch -- --python <python with torch> --write
  expect(Object.fromEntries(sources)).toEqual(fixture.sources);
});

test('PyTorch’s own module runs all layers where there is one, by the checkpoint’s names', () => {
  for (const [kind, module] of [
    ['reset-after', 'nn.GRU'],
    ['lstm', 'nn.LSTM'],
    ['rnn by relu', 'nn.RNN'],
  ] as const) {
    const model = smallModel(configOf(kind), 'none');
    const source = contentOf(model, 'model.py').toString();
    expect(source).toContain(`= ${module}(`);
    expect(source.split('\n').length).toBeLessThanOrEqual(31);
    expect([...tensorsOf(model).keys()].sort()).toEqual([...model.weights.keys()].sort());
  }
});

test('layers that PyTorch lacks extend its module, and keep the checkpoint’s names', () => {
  const model = smallModel(configOf('reset-before'), 'none');
  const source = contentOf(model, 'model.py').toString();
  expect(source).toContain('class ResetBeforeGRU(nn.GRU):');
  expect(source).toContain('self.gru = ResetBeforeGRU(embedding_dim, hidden_dim, layers,');
  expect([...tensorsOf(model).keys()].sort()).toEqual([...model.weights.keys()].sort());
});

test('layers with something between them are a list of modules of one layer each', () => {
  const model = smallModel(configOf('reset-before, layer norm'), 'none');
  expect([...tensorsOf(model).keys()]).toContain('gru.1.weight_hh_l0');
});

test('a file has nothing that its model does without', () => {
  const source = (changes: Partial<ModelConfig>) =>
    contentOf(
      smallModel({ ...configOf('reset-before'), ...changes }, 'none'),
      'model.py',
    ).toString();
  expect(source({})).toMatch(/, dropout=0\.2\)[\s\S]*nn\.Dropout\(0\.2\)/);
  expect(source({ dropout: 0 })).not.toMatch(/dropout/i);
  expect(source({ dropout: 0, dropoutOutput: 0.5 })).toMatch(/nn\.Dropout\(0\.5\)/);
  expect(source({ layers: 1 })).not.toContain('dropout=');
});

test.each(['none', 'int8', 'float16'] as const)(
  '%s: numbers are as quantised, each tensor aligned',
  (quantization: Quantization) => {
    const model = smallModel(configOf('reset-after'), quantization);
    const tensors = tensorsOf(model);
    for (const [name, tensor] of model.weights) {
      const kept = quantize(name, tensor, quantization);
      const found = tensors.get(name)!;
      expect(found).toMatchObject({ dtype: kept.dtype, shape: kept.shape });
      expect(found.bytes.equals(Buffer.from(kept.data.buffer))).toBe(true);
      expect(found.data_offsets[0] % kept.data.BYTES_PER_ELEMENT).toBe(0);
      if (kept.dtype !== 'I8') continue;
      const scales = tensors.get(`${name}_scale`)!;
      expect(scales).toMatchObject({ dtype: 'F32', shape: [kept.shape[0]] });
      expect(scales.bytes.equals(Buffer.from(kept.scales.buffer))).toBe(true);
    }
  },
);

test('an adaptive softmax with a head alone is a full one', () => {
  const { weights, config } = smallModel(configOf('reset-after'), 'none');
  const renamed = new Map(
    [...weights].map(([name, tensor]) => [name.replace('fc.', 'fc.head.'), tensor]),
  );
  const opened = {
    checkpoint: { weights: renamed, step: 12 },
    modelConfig: { ...config, softmaxCutoffs: [] },
    tokenizer: { toJSON: () => ({}) },
  } as unknown as CheckpointModel;
  const model = exportedModel(opened, 'none');
  expect(model.config).toEqual(config);
  expect(model.weights).toEqual(weights);
});

test('what has no form in PyTorch is refused', () => {
  const plain = configOf('reset-after');
  expect(() => pytorchFiles(smallModel({ ...plain, attentionSpan: 4 }, 'none'))).toThrow(
    'expected a model without attention for --format pytorch, found one of --attention',
  );
  expect(() => pytorchFiles(smallModel({ ...plain, softmaxCutoffs: [5, 9] }, 'none'))).toThrow(
    'expected a hidden size of at least 16 for an adaptive softmax with 2 clusters in PyTorch, found 6',
  );
});
