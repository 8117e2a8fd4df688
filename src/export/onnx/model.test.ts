/** Exported models in onnxruntime, held against what they say here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/support/backends.ts';
import { hasPinnedPython, onnx, runPython } from '../../../test/support/python.ts';
import type { Quantization } from '../quantize.ts';
import { expectedOf, SMALL_CONFIGS, smallModel } from '../testing/small-models.ts';
import { writeExport } from '../testing/write-export.ts';
import { onnxFiles } from './model.ts';

const SCRIPT = fileURLToPath(
  new URL('../../../test/support/python/check-onnx.py', import.meta.url),
);

interface Checked {
  name: string;
  /** The largest differences: of logits, in chunks and one by one, and of states. */
  logits: number;
  singly: number;
  h: number;
  c?: number;
  operations: string[];
  metadata: { config: object; tokenizer: object };
}

const kinds = Object.keys(SMALL_CONFIGS);
const quantised = ['reset-before', 'tied, with a projection', 'lstm', 'batch norm, residual'];
const cases: [kind: string, quantization: Quantization][] = [
  ...kinds.map((kind): [string, Quantization] => [kind, 'none']),
  ...quantised.map((kind): [string, Quantization] => [kind, 'int8']),
  ...quantised.map((kind): [string, Quantization] => [kind, 'float16']),
];

test('a model with attention is refused', () => {
  const config = { ...SMALL_CONFIGS['reset-after']!, attentionSpan: 4 };
  expect(() => onnxFiles(smallModel(config, 'none'))).toThrow(
    'expected a model without attention for --format onnx, found one of --attention',
  );
});

describe.runIf(hasPinnedPython)('in onnxruntime', () => {
  const root = mkdtempSync(join(tmpdir(), 'gru-lm-onnx-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const checked = new Map<string, Checked>();
  const named = (kind: string, quantization: Quantization) => `${kind} ${quantization}`;

  beforeAll(async () => {
    await useBackend('cpu');
    const directories = cases.map(([kind, quantization]) => {
      const model = smallModel(SMALL_CONFIGS[kind]!, quantization);
      const directory = join(root, named(kind, quantization));
      writeExport(directory, onnxFiles(model), expectedOf(model));
      return directory;
    });
    const lines = (await runPython(onnx, [SCRIPT, ...directories])).trim().split('\n');
    for (const line of lines) {
      const result = JSON.parse(line) as Checked;
      checked.set(result.name, result);
    }
  });

  test.each(cases)(
    '%s, %s: the same logits and states, in chunks of any size',
    (kind, quantization) => {
      const found = checked.get(named(kind, quantization))!;
      for (const difference of [found.logits, found.singly, found.h, found.c ?? 0]) {
        expect(difference).toBeLessThan(1e-4);
      }
    },
  );

  test('recurrent layers are ONNX’s own operations', () => {
    const operations = (kind: string) => checked.get(named(kind, 'none'))!.operations;
    expect(operations('reset-after')).toContain('GRU');
    expect(operations('reset-before')).toContain('GRU');
    expect(operations('lstm')).toContain('LSTM');
    expect(operations('rnn by relu')).toContain('RNN');
    expect(operations('mingru')).toContain('Scan');
  });

  test('the file knows its vocabulary and what it is', () => {
    const { metadata } = checked.get(named('reset-before', 'int8'))!;
    const { config, tokenizer } = smallModel(SMALL_CONFIGS['reset-before']!, 'int8');
    expect(metadata.tokenizer).toEqual(tokenizer);
    expect(metadata.config).toMatchObject({ ...config, step: 12, quantization: 'int8' });
  });
});
