/** The recurrent layers among the tensors of a PyTorch model: nn.GRU, nn.LSTM or nn.RNN, or a list of them. */
import { quoted } from '../errors.ts';
import type { Cell } from '../model/cells.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { unfit } from './imported-model.ts';

/** Shapes: H hidden size, I what a layer reads. */
export interface RecurrentLayers {
  readonly cell: Exclude<Cell, 'mingru'>;
  readonly gruVariant: 'reset-after' | 'reset-before';
  readonly embeddingSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** By the names that they have here. */
  readonly weights: TensorMap;
  /** The tensors that are no part of them, by their own names. */
  readonly others: TensorMap;
}

const NAME = /^(.*?)(weight|bias)_(ih|hh|hr)_l(\d+)(_reverse)?$/;
const CELLS: Readonly<Record<number, RecurrentLayers['cell']>> = { 1: 'rnn', 3: 'gru', 4: 'lstm' };

/**
 * @param path the file that `tensors` are from, for messages
 * @throws UserError `import-file` for layers that a language model here cannot have
 */
export function recurrentLayers(tensors: TensorMap, path: string): RecurrentLayers {
  const byLayer = new Map<string, Map<string, TensorData>>();
  const modules = new Set<string>();
  const others: TensorMap = new Map();
  for (const [name, tensor] of tensors) {
    const [, prefix, kind, of, layer, reverse] = NAME.exec(name) ?? [];
    if (kind === undefined) {
      others.set(name, tensor);
      continue;
    }
    if (reverse) {
      const hint =
        'What reads a text from its end cannot predict it: train with bidirectional=False.';
      throw unfit(path, 'layers that read a text from its beginning on', name, hint);
    }
    if (of === 'hr') {
      const hint = 'Train with proj_size=0: states here are as large as outputs.';
      throw unfit(path, 'an LSTM without projections', name, hint);
    }
    modules.add(prefix as string);
    const key = `${prefix}\u0000${layer}`;
    byLayer.set(key, (byLayer.get(key) ?? new Map()).set(`${kind}_${of}`, tensor));
  }
  const keys = [...byLayer.keys()].sort(byNumber.compare);
  if (keys.length === 0) throw nothingRecurrent(tensors, path);
  assertOrdered(modules, path);
  return arranged(
    keys.map((key) => byLayer.get(key)!),
    others,
    path,
  );
}

/** `rnns.2` is before `rnns.10`. */
const byNumber = new Intl.Collator('en', { numeric: true });

/** @throws UserError `import-file` for modules of which no number says which is the first */
function assertOrdered(modules: ReadonlySet<string>, path: string): void {
  const forms = new Set(Array.from(modules, (name) => name.replace(/\d+/g, '0')));
  if (forms.size === 1) return;
  const found = Array.from(modules, (name) => quoted(name.replace(/\.$/, '')));
  throw unfit(
    path,
    'recurrent modules whose names differ in a number alone',
    found.slice(0, 4).join(', '),
    'Call them gru.0, gru.1, … in the state dict, in the order in which they are run.',
  );
}

function nothingRecurrent(tensors: TensorMap, path: string) {
  const found = [...tensors.keys()].slice(0, 4).join(', ');
  return unfit(
    path,
    'the tensors of nn.GRU, nn.LSTM or nn.RNN, such as gru.weight_ih_l0',
    found === '' ? 'none' : `none among ${found}`,
    'Import a model of Embedding, recurrent layers and Linear.',
  );
}

function arranged(
  layers: readonly ReadonlyMap<string, TensorData>[],
  others: TensorMap,
  path: string,
): RecurrentLayers {
  const first = layers[0]!;
  const [rows = 0, hiddenSize = 0] = first.get('weight_hh')?.shape ?? [];
  const cell = CELLS[rows / hiddenSize];
  const embeddingSize = first.get('weight_ih')?.shape[1];
  if (cell === undefined || !embeddingSize) {
    const hint = 'Import a model of nn.GRU, nn.LSTM or nn.RNN.';
    throw unfit(
      path,
      'weights of 1, 3 or 4 gates a unit, by units',
      `[${rows}, ${hiddenSize}]`,
      hint,
    );
  }
  // A GRU with one kind of bias alone is that of a checkpoint here; nn.GRU has both or none.
  const hasBias = (of: 'ih' | 'hh') => first.has(`bias_${of}`);
  const isBefore = cell === 'gru' && hasBias('ih') && !hasBias('hh');
  const weights: TensorMap = new Map();
  for (const [k, layer] of layers.entries()) {
    const expected = {
      weight_ih: [rows, k === 0 ? embeddingSize : hiddenSize],
      weight_hh: [rows, hiddenSize],
      bias_ih: [rows],
      ...(isBefore ? {} : { bias_hh: [rows] }),
    };
    for (const [name, shape] of Object.entries(expected)) {
      const absent = name.startsWith('bias') && !hasBias('ih') ? zeros(rows) : undefined;
      const tensor = layer.get(name) ?? absent;
      if (tensor === undefined || String(tensor.shape) !== String(shape)) {
        const found = tensor ? `[${tensor.shape.join(', ')}]` : 'none';
        const hint = 'All layers must be of one kind and size, each reading the one below.';
        throw unfit(path, `${name} of layer ${k} to be [${shape.join(', ')}]`, found, hint);
      }
      weights.set(`${cell}.${name}_l${k}`, tensor);
    }
  }
  const gruVariant = isBefore ? 'reset-before' : 'reset-after';
  return { cell, gruVariant, embeddingSize, hiddenSize, layers: layers.length, weights, others };
}

export function zeros(length: number): TensorData {
  return { shape: [length], data: new Float32Array(length) };
}
