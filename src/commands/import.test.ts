/** Models from elsewhere as runs: what is made of them gives the logits that they gave there. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { readFixture } from '../../test/support/fixtures.ts';
import { expectClose } from '../../test/support/numbers.ts';
import { openModel } from '../checkpoint/model.ts';
import { encodeSafetensors } from '../checkpoint/safetensors-writer.ts';
import { pytorchFiles } from '../export/pytorch.ts';
import { roundTrip } from '../export/quantize.ts';
import { expectedOf, SMALL_CONFIGS, smallModel } from '../export/testing/small-models.ts';
import { writeExport } from '../export/testing/write-export.ts';
import { forward, logitsOf, zeroState } from '../model/language-model.ts';
import { weightsOf } from '../model/weights.ts';
import type { TensorMap } from '../tensor-data.ts';
import { run as evaluate } from './eval.ts';
import { run } from './import.ts';
import { run as info } from './info.ts';

const { signal } = new AbortController();
const root = mkdtempSync(join(tmpdir(), 'gru-lm-import-run-'));
const at = (...names: string[]) => join(root, ...names);
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(() => useBackend('cpu'));

/** Runs the command and gives what it printed. */
async function imported(...[given, operands]: [Parameters<typeof run>[0], string[]]) {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await run(given, operands, signal);
    const written = (spy: typeof out) => spy.mock.calls.map(([text]) => String(text)).join('');
    return { stdout: written(out), stderr: written(err) };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

interface Golden {
  stateDict: Record<string, { shape: number[]; data: number[] }>;
  stream: { ids: number[]; logits: number[] };
}

/** What the ids of the goldens are taken to stand for. */
const TOKENS = ['e', 'b', '<unk>', 'a', '\n', 'd', 'c'];

describe.each(['language-model', 'language-model-lstm', 'language-model-rnn'])(
  '%s of PyTorch',
  (name) => {
    test('gives PyTorch’s logits, by the ids that its tokens have here', async () => {
      const { stateDict, stream } = readFixture<Golden>(name);
      const tensors: TensorMap = new Map(
        Object.entries(stateDict).map(([key, { shape, data }]) => [
          `model.${key}`,
          { shape, data: Float32Array.from(data) },
        ]),
      );
      mkdirSync(at(name));
      writeFileSync(at(name, 'weights.safetensors'), encodeSafetensors(tensors));
      writeFileSync(at(name, 'vocab.json'), JSON.stringify(TOKENS));
      const out = at(name, 'run');
      const options = { vocab: at(name, 'vocab.json'), out, json: true };
      const { stdout } = await imported(options, [at(name, 'weights.safetensors')]);
      expect(JSON.parse(stdout)).toMatchObject({
        path: join(out, 'step-00000000'),
        tokenizer: { kind: 'char', vocabularySize: TOKENS.length },
        notices: [],
      });

      const { checkpoint, modelConfig, tokenizer } = await openModel(out, ['weights']);
      const idOf = TOKENS.map((token) =>
        token === '<unk>' ? tokenizer.unknownId! : tokenizer.encode(token)[0]!,
      );
      const weights = weightsOf(checkpoint.weights);
      const ids = tf.tensor1d(
        stream.ids.map((id) => idOf[id]!),
        'int32',
      );
      const { features } = forward(modelConfig, weights, ids, zeroState(modelConfig, 1));
      const rows = logitsOf(weights, features).arraySync();
      expectClose(
        rows.flatMap((row) => idOf.map((id) => row[id]!)),
        stream.logits,
        1e-5,
      );
    });
  },
);

describe('what was exported for PyTorch comes back', () => {
  test.each([
    ['reset-before', 'none'],
    ['tied, with a projection', 'int8'],
    ['lstm, layer norm, residual', 'float16'],
    ['batch norm, residual', 'none'],
    ['mingru', 'none'],
    ['adaptive softmax', 'int8'],
    ['rnn by leaky-relu', 'none'],
  ] as const)('%s, %s', async (kind, quantization) => {
    const model = smallModel(SMALL_CONFIGS[kind]!, quantization);
    const directory = at(`export ${kind}`);
    writeExport(directory, pytorchFiles(model), expectedOf(model));
    const out = join(directory, 'run');
    await imported({ out }, [directory]);
    const opened = await openModel(out, ['weights', 'optimizer', 'state']);
    expect(opened.modelConfig).toMatchObject(model.config);
    expect(opened.tokenizer.toJSON()).toEqual(model.tokenizer);
    const expected = roundTrip(model.weights, quantization);
    for (const [name, { data }] of opened.checkpoint.weights) {
      expectClose(data, expected.get(name)!.data, 1e-7, name);
    }
  });
});

test.each(['tanh', 'relu'] as const)(
  'an nn.RNN of PyTorch has the activation %s',
  async (activation) => {
    const name = 'language-model-rnn';
    const out = at(name, activation);
    await imported({ activation, vocab: at(name, 'vocab.json'), out }, [
      at(name, 'weights.safetensors'),
    ]);
    expect((await openModel(out, ['weights'])).modelConfig).toMatchObject({ activation });
  },
);

test('an imported run says that it has no text of its own', async () => {
  const command = evaluate({ backend: 'wasm' }, [at('language-model-lstm', 'run')], signal);
  await expect(command).rejects.toMatchObject({
    code: 'corpus-missing',
    message: 'expected a run with a text of its own, found one of a model that was imported',
    hint: 'Name a text with --text FILE.',
  });
});

test('info does not say how an imported run would have been trained', async () => {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await info({}, [at('language-model-lstm', 'run')], signal);
    const shown = out.mock.calls.map(([text]) => String(text)).join('');
    expect(shown).toContain('training   none here: the model was imported\n');
    expect(shown).not.toMatch(/learning rate|finished/);
  } finally {
    out.mockRestore();
  }
});

describe('refused', () => {
  const { stateDict } = readFixture<Golden>('language-model');
  beforeAll(() => {
    mkdirSync(at('refused'));
    const tensors = Object.entries(stateDict).map(
      ([key, { shape, data }]) => [key, { shape, data: Float32Array.from(data) }] as const,
    );
    writeFileSync(at('refused', 'model.safetensors'), encodeSafetensors(new Map(tensors)));
    writeFileSync(at('refused', 'vocab.txt'), TOKENS.filter((token) => token !== '\n').join('\n'));
    writeFileSync(
      at('refused', 'cut.safetensors'),
      readFileSync(at('refused', 'model.safetensors')).subarray(0, 300),
    );
    mkdirSync(at('empty'));
  });
  const refused = (...args: Parameters<typeof imported>) =>
    imported(...args).then(
      () => 'nothing',
      ({ code, message, hint }: Record<string, string>) => `${code}: ${message} ${hint}`,
    );

  test('without a vocabulary, or with one of another size', async () => {
    const given = { out: at('refused', 'run') };
    expect(await refused(given, [at('refused')])).toBe(
      `import-vocabulary: expected the model’s vocabulary, found no tokenizer.json beside ${at('refused', 'model.safetensors')} Give --vocab FILE: a JSON array of tokens, a JSON object from token to id, or one token a line.`,
    );
    expect(await refused({ ...given, vocab: at('refused', 'vocab.txt') }, [at('refused')])).toMatch(
      /^import-vocabulary: .*vocab.txt: expected 7 tokens, one a row of the embedding, found 6 /,
    );
  });

  test('with options that a tokenizer.json leaves nothing to say for', async () => {
    const tokenizer = at('export mingru', 'tokenizer.json');
    for (const [given, source] of [
      [{ lowercase: true }, at('export mingru')],
      [{ tokenizer: 'char' }, at('export mingru')],
      [{ lowercase: true, vocab: tokenizer }, at('refused')],
    ] as const) {
      const flag = 'lowercase' in given ? '--lowercase' : '--tokenizer';
      expect(await refused({ ...given, out: at('refused', 'run') }, [source])).toBe(
        `usage: ${tokenizer}: expected a list of tokens with ${flag}, found a tokenizer.json ` +
          `Leave out ${flag}: the file says it.`,
      );
    }
  });

  test.each([
    ['a GRU', () => at('refused', 'model.safetensors')],
    ['an RNN that was exported', () => at('export rnn by leaky-relu', 'model.safetensors')],
  ])('with an activation for what says its own: %s', async (_, source) => {
    const given = { activation: 'tanh', vocab: at('refused', 'vocab.json') } as const;
    expect(await refused({ ...given, out: at('refused', 'run') }, [source()])).toBe(
      `usage: ${source()}: expected an nn.RNN of PyTorch with --activation, found another model ` +
        'Leave out --activation: it is known of any other model.',
    );
  });

  test('for what is no model', async () => {
    expect(await refused({}, [at('nothing')])).toContain('expected a model at');
    expect(await refused({}, [at('empty')])).toContain('found neither');
    const cut = await refused({ out: at('refused', 'run') }, [at('refused', 'cut.safetensors')]);
    expect(cut).toMatch(/^import-file: .*cut.safetensors: expected /);
    expect(cut).toContain('Check that the file is whole');
  });

  test('over a run that is there', async () => {
    const out = at('lstm-run');
    const source = at('language-model-lstm', 'weights.safetensors');
    const given = { out, vocab: at('language-model-lstm', 'vocab.json') };
    await imported(given, [source]);
    expect(await refused(given, [source])).toContain(
      'Give another directory with --out, or --overwrite to replace the run.',
    );
    await imported({ ...given, overwrite: true }, [source]);
  });
});
