/**
 * Models of tf.layers and Keras as TensorFlow.js keeps them: model.json and files of weights. Shapes: I what a
 * layer reads, H hidden size, V vocabulary size.
 *
 * Keras multiplies inputs by kernels [I, gates·H] and has the gates of a GRU in the order z, r, h, those of an
 * LSTM as i, f, c, o. Its z weighs the state before; so do we in reset-after, but in reset-before it weighs the
 * candidate, and its rows get the other sign. https://keras.io/api/layers/recurrent_layers/gru
 */
import { dirname } from 'node:path';
import { readShortFile } from '../checkpoint/checked-file.ts';
import { decodeJsonObject } from '../checkpoint/json.ts';
import { quoted, showValue } from '../errors.ts';
import { gateRows } from '../model/gate-rows.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { type ImportedModel, type ModelOptions, tokenizerBeside, unfit } from './imported-model.ts';
import { chainOfLayers, type LayerRecord } from './layers-topology.ts';
import { readWeights } from './layers-weights.ts';

/** A model of a thousand layers has a fraction of it. */
const LONGEST = 1 << 24;
const HINT =
  'What can be imported is Embedding, then GRU, LSTM or SimpleRNN layers of one kind and size, then one Dense ' +
  'layer for each step.';

interface Kind {
  readonly cell: 'gru' | 'lstm' | 'rnn';
  /** For each of our gates, which of Keras’s it is. */
  readonly gates: readonly number[];
}

const KINDS: Readonly<Record<string, Kind>> = {
  GRU: { cell: 'gru', gates: [1, 0, 2] },
  LSTM: { cell: 'lstm', gates: [0, 1, 2, 3] },
  SimpleRNN: { cell: 'rnn', gates: [0] },
};
const UPDATE_GATE = 1;

/** @throws UserError `import-file`, or of the code `checkpoint-…` for a file that cannot be read */
export async function readLayersModel(path: string): Promise<ImportedModel> {
  const json = decodeJsonObject(await readShortFile(path, LONGEST), path);
  if (json.format === 'graph-model') {
    const hint = 'A graph has no layers any more: convert the Keras model to a layers model.';
    throw unfit(path, 'a layers model of TensorFlow.js', 'a graph model', hint);
  }
  const layers = chainOfLayers(json.modelTopology, path);
  const tensors = await readWeights(json.weightsManifest, dirname(path), path);
  const [embedding, ...rest] = layers;
  const recurrent = rest.slice(0, -1);
  const dense = rest.at(-1);
  const isChain =
    embedding?.className === 'Embedding' &&
    recurrent.length > 0 &&
    recurrent.every(({ className }) => className === recurrent[0]!.className) &&
    KINDS[recurrent[0]!.className] !== undefined &&
    dense?.className === 'Dense';
  if (!isChain) {
    const found = layers.map(({ className }) => className).join(', ');
    throw unfit(path, 'layers of a language model', found === '' ? 'none' : found, HINT);
  }
  const source = new LayerWeights(tensors, path);
  const table = source.of(embedding, 'embeddings', 2);
  const [vocabularySize, embeddingSize] = table.shape as [number, number];
  const { options, weights } = recurrentWeights(recurrent, embeddingSize, source, path);
  const kernel = source.of(dense, 'kernel', 2);
  const { hiddenSize } = options;
  source.assertShape(dense, 'kernel', kernel, [hiddenSize, vocabularySize]);
  const bias = dense.config.use_bias === false ? undefined : source.of(dense, 'bias', 1);
  source.assertAllUsed();
  return {
    options,
    weights: new Map([
      ['embedding.weight', table],
      ...weights,
      ['fc.weight', transposed(kernel)],
      ['fc.bias', bias ?? { shape: [vocabularySize], data: new Float32Array(vocabularySize) }],
    ]),
    vocabularySize,
    tokenizerFile: await tokenizerBeside(path),
    takesActivation: false,
    keepsIds: false,
  };
}

function recurrentWeights(
  layers: readonly LayerRecord[],
  embeddingSize: number,
  source: LayerWeights,
  path: string,
): { options: ModelOptions; weights: TensorMap } {
  const { cell, gates } = KINDS[layers[0]!.className] as Kind;
  const hiddenSize = source.of(layers[0]!, 'recurrent_kernel', 2).shape[0]!;
  const rows = gates.length * hiddenSize;
  const activation = activationOf(layers[0]!, cell, path);
  const isAfter = layers[0]!.config.reset_after === true;
  const turned = cell === 'gru' && !isAfter ? UPDATE_GATE : undefined;
  const arranged = (tensor: TensorData) => gateRows(tensor, gates, turned);
  const weights: TensorMap = new Map();
  for (const [k, layer] of layers.entries()) {
    const same = activationOf(layer, cell, path) === activation;
    if (!same || (layer.config.reset_after === true) !== isAfter) {
      throw unfit(path, 'recurrent layers with the same options', quoted(layer.name), HINT);
    }
    const inputs = source.of(layer, 'kernel', 2);
    source.assertShape(layer, 'kernel', inputs, [k === 0 ? embeddingSize : hiddenSize, rows]);
    const recurrent = source.of(layer, 'recurrent_kernel', 2);
    source.assertShape(layer, 'recurrent_kernel', recurrent, [hiddenSize, rows]);
    weights.set(`${cell}.weight_ih_l${k}`, arranged(transposed(inputs)));
    weights.set(`${cell}.weight_hh_l${k}`, arranged(transposed(recurrent)));
    const hasTwo = cell === 'gru' && isAfter;
    const [biasIh, biasHh] = biasesOf(layer, hasTwo, rows, source);
    weights.set(`${cell}.bias_ih_l${k}`, arranged(biasIh));
    if (cell !== 'gru' || isAfter) weights.set(`${cell}.bias_hh_l${k}`, arranged(biasHh));
  }
  const gruVariant = cell === 'gru' && !isAfter ? 'reset-before' : 'reset-after';
  const sizes = { embeddingSize, hiddenSize, layers: layers.length };
  return { options: { ...sizes, cell, gruVariant, activation, tied: false }, weights };
}

/** What is added to inputs [gates·H], and to what comes from the state, which is zeros where there is no such bias. */
function biasesOf(
  layer: LayerRecord,
  hasTwo: boolean,
  rows: number,
  source: LayerWeights,
): [TensorData, TensorData] {
  const none = { shape: [rows], data: new Float32Array(rows) };
  if (layer.config.use_bias === false) return [none, none];
  const bias = source.of(layer, 'bias', hasTwo ? 2 : 1);
  source.assertShape(layer, 'bias', bias, hasTwo ? [2, rows] : [rows]);
  if (!hasTwo) return [bias, none];
  const half = (from: number) => ({ shape: [rows], data: bias.data.slice(from, from + rows) });
  return [half(0), half(rows)];
}

function activationOf(
  { name, config }: LayerRecord,
  cell: Kind['cell'],
  path: string,
): 'tanh' | 'relu' {
  const { activation = 'tanh', recurrent_activation: gate } = config;
  if (cell !== 'rnn' && gate !== 'sigmoid') {
    // tf.layers has hardSigmoid where nothing else is said.
    throw unfit(
      path,
      `the gates of ${quoted(name)} by "sigmoid"`,
      showValue(gate ?? 'hardSigmoid'),
      'Gates here are sigmoids: build the model with recurrentActivation sigmoid, and train it so.',
    );
  }
  if (activation === 'tanh' || (activation === 'relu' && cell !== 'lstm')) return activation;
  throw unfit(path, `${quoted(name)} to have the activation "tanh"`, showValue(activation), HINT);
}

/** The weights of layers by their names, `<layer>/…/<weight>`. */
class LayerWeights {
  readonly #tensors: TensorMap;
  /** The names of those that were asked for. */
  readonly #used = new Set<string>();
  readonly #path: string;

  constructor(tensors: TensorMap, path: string) {
    this.#tensors = tensors;
    this.#path = path;
  }

  of({ name, names }: LayerRecord, weight: string, rank: number): TensorData {
    // As gru/kernel, and by the converter sequential/gru/gru_cell/kernel.
    const [full = '', found] =
      [...this.#tensors].find(([each]) => {
        const parts = each.split('/');
        return parts.at(-1) === weight && names.some((one) => parts.includes(one));
      }) ?? [];
    this.#used.add(full);
    if (found?.shape.length === rank) return found;
    throw unfit(
      this.#path,
      `the weights of ${quoted(name)} with ${rank} dimensions and the name ${weight}`,
      found ? `[${found.shape.join(', ')}]` : 'none',
      HINT,
    );
  }

  /** @throws UserError `import-file` for a weight that nothing has asked for */
  assertAllUsed(): void {
    const other = [...this.#tensors.keys()].find((name) => !this.#used.has(name));
    if (other === undefined) return;
    throw unfit(this.#path, 'the weights of its layers alone', quoted(other), HINT);
  }

  assertShape(
    { name }: LayerRecord,
    weight: string,
    { shape }: TensorData,
    expected: readonly number[],
  ): void {
    if (String(shape) === String(expected)) return;
    const what = `${weight} of ${quoted(name)} to be [${expected.join(', ')}]`;
    throw unfit(this.#path, what, `[${shape.join(', ')}]`, HINT);
  }
}

function transposed({ shape, data }: TensorData): TensorData {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = data[row * columns + column]!;
    }
  }
  return { shape: [columns, rows], data: turned };
}
