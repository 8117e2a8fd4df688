import { UserError } from '../errors.ts';
import type { Activation } from '../ops/activation.ts';
import { adaptiveSoftmaxSpecs } from './adaptive-softmax.ts';
import { attentionSpecs } from './attention.ts';
import { type Cell, cellKind } from './cells.ts';
import { type Norm, normSpecs, statisticSpecs } from './normalisation.ts';
import type { Regularisation } from './regularisation.ts';

/** An Embedding → GRU × layers → Dense language model. */
export interface ModelConfig extends Regularisation {
  vocabularySize: number;
  embeddingSize: number;
  hiddenSize: number;
  layers: number;
  /** Default gru. */
  cell?: Cell | undefined;
  /** Of an RNN's state and a GRU's candidate. Default tanh. */
  activation?: Activation | undefined;
  /** For the GRU. */
  gruVariant: 'reset-after' | 'reset-before';
  /**
   * Whether the output layer's weights are the embedding's (Inan et al. 2017; Press & Wolf 2017).
   * Default false.
   */
  tied?: boolean | undefined;
  /**
   * Where the adaptive softmax cuts the vocabulary: the ids at which clusters begin, ascending. The model
   * then is not tied. Default: its softmax is a full one.
   */
  softmaxCutoffs?: readonly number[] | undefined;
  /**
   * Whether a layer's inputs are added to its outputs, as in He et al. 2016, where they are of the same size:
   * the first layer's are where an embedding is as long as a state. Default false.
   */
  residual?: boolean | undefined;
  /** How each layer's outputs are normalised, before dropout. Default none. */
  norm?: Norm | undefined;
  /**
   * M: of how many steps before what each layer above the first reads is attended to, and added to what it
   * reads. Default: of none, without attention.
   */
  attentionSpan?: number | undefined;
}

/** A parameter by its name in PyTorch's state dict. */
export interface ParameterSpec {
  name: string;
  shape: number[];
}

/**
 * The model's parameters, named and shaped as by PyTorch's `Embedding → nn.GRU → Linear`: gates in the
 * order r, z, n; or with `nn.LSTM`: i, f, g, o; or `nn.RNN`. A minGRU's are named alike, with the
 * gates z, n, and without recurrent weights. Reset-before has no `bias_hh`. A tied
 * model has no `fc.weight`; where a state is not as long as an embedding, `fc.projection` brings it
 * there. An adaptive softmax is PyTorch's `AdaptiveLogSoftmaxWithLoss` for `Linear`.
 */
export function parameterSpecs(config: ModelConfig): ParameterSpec[] {
  const { vocabularySize: V, embeddingSize: E, hiddenSize: H, layers, cell = 'gru' } = config;
  const { gates, hasRecurrentWeights } = cellKind(cell);
  const rows = gates * H;
  const hasBiasHh = hasRecurrentWeights && (cell !== 'gru' || config.gruVariant === 'reset-after');
  const specs: ParameterSpec[] = [{ name: 'embedding.weight', shape: [V, E] }];
  for (let layer = 0; layer < layers; layer++) {
    specs.push({ name: `${cell}.weight_ih_l${layer}`, shape: [rows, layer === 0 ? E : H] });
    if (hasRecurrentWeights) specs.push({ name: `${cell}.weight_hh_l${layer}`, shape: [rows, H] });
    specs.push({ name: `${cell}.bias_ih_l${layer}`, shape: [rows] });
    if (hasBiasHh) specs.push({ name: `${cell}.bias_hh_l${layer}`, shape: [rows] });
  }
  specs.push(...normSpecs(config), ...attentionSpecs(config));
  const { softmaxCutoffs } = config;
  if (softmaxCutoffs) return [...specs, ...adaptiveSoftmaxSpecs(softmaxCutoffs, config)];
  if (!config.tied) specs.push({ name: 'fc.weight', shape: [V, H] });
  else if (E !== H) specs.push({ name: 'fc.projection', shape: [E, H] });
  specs.push({ name: 'fc.bias', shape: [V] });
  return specs;
}

/** The parameters, and after them what else a model is made of without learning it by gradients. */
export function weightSpecs(config: ModelConfig): ParameterSpec[] {
  return [...parameterSpecs(config), ...statisticSpecs(config)];
}

/**
 * How many matrices a recurrent layer's weights are, one below the other: one a gate, and one each of its
 * attention's. 0 for any other parameter.
 */
export function gateMatrices(name: string, cell: Cell | undefined): number {
  if (/^attention\.\d+\.\w+\.weight$/.test(name)) return 1;
  return /\.weight_[ih]h_l\d+$/.test(name) ? cellKind(cell).gates : 0;
}

/**
 * Makes sure that `tensors` has all of `specs`, each of its shape.
 *
 * @param where the file that they are from, for the message
 * @throws UserError `checkpoint-damaged` naming the first that is missing or of another shape
 */
export function assertTensors(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  specs: readonly ParameterSpec[],
  where: string,
): void {
  for (const { name, shape } of specs) {
    const found = tensors.get(name)?.shape;
    if (found?.length === shape.length && found.every((size, i) => size === shape[i])) continue;
    throw new UserError(
      'checkpoint-damaged',
      `${where}: expected a tensor "${name}" of shape ${showShape(shape)}, found ${found ? showShape(found) : 'none'}`,
      'The tensors and the config do not belong together: use another checkpoint.',
    );
  }
}

function showShape(shape: readonly number[]): string {
  return `[${shape.slice(0, 8).join(', ')}${shape.length > 8 ? ', …' : ''}]`;
}

/** How many numbers a shape holds. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** How many numbers the model learns. */
export function parameterCount(config: ModelConfig): number {
  return parameterSpecs(config).reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
