/** What a state dict is taken for, by its names and shapes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../checkpoint/safetensors-writer.ts';
import { UserError } from '../errors.ts';
import { Random } from '../random.ts';
import { assertSafetensors, readPytorchFile } from './pytorch-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-import-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const random = new Random(2);
type Shapes = Record<string, number[]>;
type Tensors = Parameters<typeof encodeSafetensors>[0];

function tensorsOf(shapes: Shapes): Tensors {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const length = shape.reduce((product, size) => product * size, 1);
      const data = Float32Array.from({ length }, () => random.uniform());
      return [name, { shape, data }];
    }),
  );
}

/** Reads a file of these tensors, and says which of them, by name, are what here. */
async function read(tensors: Tensors) {
  const path = join(directory, 'weights.safetensors');
  writeFileSync(path, encodeSafetensors(tensors));
  const model = await readPytorchFile(path, { activation: 'tanh' });
  const names = [...model.weights].map(([ours, { data }]) => {
    const from = [...tensors].find(([, theirs]) => String(theirs.data) === String(data));
    return [ours, from?.[0] ?? (data.every((value) => value === 0) ? 'zeros' : 'unknown')];
  });
  return { ...model, names: Object.fromEntries(names) as Record<string, string> };
}

const layer = (gates: number, inputs: number, hidden: number, k = 0): Shapes => ({
  [`weight_ih_l${k}`]: [gates * hidden, inputs],
  [`weight_hh_l${k}`]: [gates * hidden, hidden],
  [`bias_ih_l${k}`]: [gates * hidden],
  [`bias_hh_l${k}`]: [gates * hidden],
});
const prefixed = (prefix: string, shapes: Shapes): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${prefix}${name}`, shape]));

describe('the embedding and the output layer are known', () => {
  test.each([
    ['embedding.weight', 'fc', ''],
    ['encoder.weight', 'decoder', ''],
    ['emb.weight', 'lm_head', 'model.'],
    ['token_embedding.weight', 'output', 'module._orig_mod.'],
    ['embed.weight', 'linear', ''],
    ['wte.weight', 'out', ''],
    ['0.weight', '2', ''],
    ['unheard.of.weight', 'whatever', ''],
  ])('%s and %s, of equal sizes', async (embedding, output, wrapper) => {
    const shapes = {
      [embedding]: [7, 4],
      ...prefixed('rnn.', layer(3, 4, 4)),
      [`${output}.weight`]: [7, 4],
      [`${output}.bias`]: [7],
    };
    const { names, options } = await read(tensorsOf(prefixed(wrapper, shapes)));
    expect(options).toMatchObject({ cell: 'gru', gruVariant: 'reset-after', tied: false });
    expect(names).toMatchObject({
      'embedding.weight': `${wrapper}${embedding}`,
      'fc.weight': `${wrapper}${output}.weight`,
      'fc.bias': `${wrapper}${output}.bias`,
    });
  });

  test('by their sizes where these differ', async () => {
    const { names, vocabularySize } = await read(
      tensorsOf({ 'a.weight': [7, 3], ...layer(3, 3, 4), 'b.weight': [7, 4], 'c.bias': [7] }),
    );
    expect(vocabularySize).toBe(7);
    expect(names).toMatchObject({
      'embedding.weight': 'a.weight',
      'fc.weight': 'b.weight',
      'fc.bias': 'c.bias',
    });
  });

  test('as tied, where there is one matrix alone or the same twice', async () => {
    const once = tensorsOf({
      'encoder.weight': [7, 4],
      ...prefixed('rnn.', layer(4, 4, 4)),
      'decoder.bias': [7],
    });
    const twice = new Map([...once, ['decoder.weight', once.get('encoder.weight')!]]);
    for (const tensors of [once, twice]) {
      const { names, options } = await read(tensors);
      expect(options).toMatchObject({ cell: 'lstm', tied: true });
      expect(Object.keys(names)).not.toContain('fc.weight');
    }
  });

  test('without a bias, which is zeros then', async () => {
    const { names } = await read(
      tensorsOf({ 'embed.weight': [7, 3], ...layer(1, 3, 4), 'head.weight': [7, 4] }),
    );
    expect(names['fc.bias']).toBe('zeros');
  });
});

describe('recurrent layers are known', () => {
  const around = { 'embedding.weight': [7, 3], 'fc.weight': [7, 4], 'fc.bias': [7] };

  test('of one module, of a list of modules, and of ten and more', async () => {
    const many = Array.from({ length: 12 }, (_, k) => k);
    const one = many.map((k) => prefixed('lstm.', layer(4, k === 0 ? 3 : 4, 4, k)));
    const { options, names } = await read(tensorsOf({ ...around, ...Object.assign({}, ...one) }));
    expect(options).toMatchObject({ cell: 'lstm', layers: 12, embeddingSize: 3, hiddenSize: 4 });
    expect(names['lstm.weight_hh_l11']).toBe('lstm.weight_hh_l11');

    const list = many.map((k) => prefixed(`rnns.${k}.module.`, layer(4, k === 0 ? 3 : 4, 4)));
    const listed = await read(tensorsOf({ ...around, ...Object.assign({}, ...list) }));
    expect(listed.options).toMatchObject({ layers: 12 });
    expect(listed.names['lstm.weight_hh_l11']).toBe('rnns.11.module.weight_hh_l0');
  });

  test('of modules that numbers tell apart, by these', async () => {
    const three = [10, 2, 1].map((k) => prefixed(`block.gru${k}.`, layer(3, 4, 4)));
    const around4 = { ...around, 'embedding.weight': [7, 4] };
    const { names } = await read(tensorsOf({ ...around4, ...Object.assign({}, ...three) }));
    expect([0, 1, 2].map((k) => names[`gru.weight_ih_l${k}`])).toEqual(
      [1, 2, 10].map((k) => `block.gru${k}.weight_ih_l0`),
    );
  });

  test('without biases, which are zeros then, and of nn.RNN', async () => {
    const { weight_ih_l0, weight_hh_l0 } = layer(1, 3, 4) as Record<string, number[]>;
    const { names, options } = await read(
      tensorsOf({ ...around, weight_ih_l0: weight_ih_l0!, weight_hh_l0: weight_hh_l0! }),
    );
    expect(options).toMatchObject({ cell: 'rnn', activation: 'tanh' });
    expect(names).toMatchObject({ 'rnn.bias_ih_l0': 'zeros', 'rnn.bias_hh_l0': 'zeros' });
  });

  test('of a checkpoint of ours, which has one bias where the reset gate comes before', async () => {
    const { bias_hh_l0, ...rest } = layer(3, 3, 4);
    const { options, weights } = await read(tensorsOf({ ...around, ...prefixed('gru.', rest) }));
    expect(options).toMatchObject({ cell: 'gru', gruVariant: 'reset-before' });
    expect([...weights.keys()]).not.toContain('gru.bias_hh_l0');
  });
});

describe('what a model here cannot be is refused', () => {
  const around = { 'embedding.weight': [7, 3], 'fc.weight': [7, 4], 'fc.bias': [7] };
  const gru = prefixed('gru.', layer(3, 3, 4));
  test.each<[string, Shapes, string]>([
    [
      'a bidirectional one',
      { ...around, ...gru, 'gru.weight_ih_l0_reverse': [12, 3] },
      'expected layers that read a text from its beginning on, found gru.weight_ih_l0_reverse',
    ],
    [
      'projections',
      { ...around, ...gru, 'gru.weight_hr_l0': [2, 4] },
      'expected an LSTM without projections, found gru.weight_hr_l0',
    ],
    [
      'no recurrent layer',
      around,
      'expected the tensors of nn.GRU, nn.LSTM or nn.RNN, such as gru.weight_ih_l0, found none among embedding.weight, fc.bias, fc.weight',
    ],
    [
      'five gates',
      { ...around, ...prefixed('x.', layer(5, 3, 4)) },
      'expected weights of 1, 3 or 4 gates a unit, by units, found [20, 4]',
    ],
    [
      'layers of other sizes',
      { ...around, ...gru, ...prefixed('gru.', layer(3, 5, 4, 1)) },
      'expected weight_ih of layer 1 to be [12, 4], found [12, 5]',
    ],
    [
      'modules whose order is not known',
      {
        ...around,
        ...prefixed('gru_one.', layer(3, 3, 4)),
        ...prefixed('gru_two.', layer(3, 4, 4)),
      },
      'expected recurrent modules whose names differ in a number alone, found "gru_one", "gru_two"',
    ],
    [
      'another tensor',
      { ...around, ...gru, 'ln.weight': [4] },
      'expected an embedding and an output layer alone, found ln.weight',
    ],
    [
      'no embedding',
      { ...gru, 'fc.weight': [7, 4], 'fc.bias': [7] },
      'expected one embedding [vocabulary, 3], found none',
    ],
    [
      'two outputs',
      { ...around, ...gru, 'other.weight': [7, 4], 'fc2.weight': [7, 4] },
      "expected one output layer's weight [7, 4], found fc.weight, fc2.weight, other.weight",
    ],
  ])('%s', async (_, shapes, message) => {
    await expect(read(tensorsOf(shapes))).rejects.toThrow(message);
  });

  test('a pickle, by its name or its beginning, with what makes safetensors of it', () => {
    for (const [path, begins] of [
      ['model.pt', []],
      ['model.pth', [0x50, 0x4b, 3, 4]],
      ['weights', [0x50, 0x4b, 3, 4]],
      ['weights', [0x80, 2]],
    ] as const) {
      let error: unknown;
      try {
        assertSafetensors(path, Uint8Array.from(begins));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({
        code: 'import-file',
        message: `${path}: expected safetensors, found a pickle of PyTorch, which can run any program when it is read`,
        hint: expect.stringContaining(
          `torch.load("${path}", map_location="cpu", weights_only=True)`,
        ),
      });
    }
    expect(() => assertSafetensors('text.txt', Buffer.from('To be, or not to be'))).toThrow(
      'text.txt: expected safetensors, or the model.json of TensorFlow.js, found neither',
    );
    const whole = encodeSafetensors(tensorsOf({ a: [1] }));
    expect(() => assertSafetensors('whole.pt', whole)).not.toThrow();
  });
});

test('numbers of other widths are read as what they are', async () => {
  const bytes = (...values: number[]) => Uint16Array.from(values);
  const shapes = { 'embed.weight': [2, 1], ...layer(1, 1, 1), 'fc.weight': [2, 1], 'fc.bias': [2] };
  const tensors = new Map(tensorsOf(shapes));
  tensors.set('embed.weight', { shape: [2, 1], data: bytes(0x3c00, 0xc000) });
  const { weights } = await read(tensors);
  expect([...weights.get('embedding.weight')!.data]).toEqual([1, -2]);
});

test('whatever bytes a file has, it is read or refused', async () => {
  const shapes = { 'embed.weight': [2, 1], ...layer(1, 1, 1), 'fc.weight': [2, 1], 'fc.bias': [2] };
  const whole = encodeSafetensors(tensorsOf(shapes));
  const path = join(directory, 'any.safetensors');
  const change = fc.record({
    at: fc.integer({ min: 0, max: whole.length - 1 }),
    byte: fc.integer({ min: 0, max: 255 }),
  });
  const options = { activation: 'tanh' } as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: whole.length }),
      async (changes, length) => {
        const bytes = Uint8Array.from(whole);
        for (const { at, byte } of changes) bytes[at] = byte;
        writeFileSync(path, length % 2 === 0 ? bytes : bytes.subarray(0, length));
        const outcome = await readPytorchFile(path, options).then(
          ({ weights }) => weights.size > 0,
          (error: unknown) => error instanceof UserError,
        );
        expect(outcome).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
