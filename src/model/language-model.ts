/**
 * The forward pass. Shapes: T steps, B streams, E embedding size, H hidden size, V vocabulary size.
 */
import * as tf from '@tensorflow/tfjs-core';
import '../ops/core-gradients.ts';
import { embeddedGruSequence } from '../ops/embedded-gru-sequence.ts';
import { embeddingLookup } from '../ops/embedding-lookup.ts';
import { type GruLayerTensors, gruSequence } from '../ops/gru-sequence.ts';
import { lstmSequence } from '../ops/lstm-sequence.ts';
import { matrixProduct } from '../ops/matrix-product.ts';
import { minGruSequence } from '../ops/min-gru-sequence.ts';
import { rnnSequence } from '../ops/rnn-sequence.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { Random } from '../random.ts';
import { attend } from './attention.ts';
import { type Cell, cellKind } from './cells.ts';
import { normalise, type Statistics } from './normalisation.ts';
import type { ModelConfig } from './parameters.ts';
import { type BatchPart, drop, dropWeights, outputPenalty } from './regularisation.ts';
import { recurrentStateCount, stateSpecs } from './states.ts';

/** The parameters and statistics as tensors, by the names of `weightSpecs`. */
export type Weights = Readonly<Record<string, tf.Tensor>>;

/** The states by the order of `stateSpecs`: [B, H] each, then memories [B, M·H]. */
export type HiddenState = tf.Tensor2D[];

/** States of zeros, where every stream of text begins. */
export function zeroState(config: ModelConfig, batchSize: number): HiddenState {
  return stateSpecs(config, batchSize).map(({ shape }) => tf.zeros(shape as [number, number]));
}

export interface ForwardResult {
  /** The top layer's outputs [T·B, H], time-major; with `residual`, its inputs are added */
  features: tf.Tensor2D;
  /** The states after the last step. */
  state: HiddenState;
  /** What training adds to the loss []; undefined: nothing. */
  penalty: tf.Scalar | undefined;
  /** In training, what a batch-normalised model's running means take up; otherwise empty. */
  statistics: Statistics;
}

export interface ForwardOptions {
  /** Draws the dropout masks in training; without it the model is not regularised. */
  dropout?: Random | undefined;
  /** Which of a batch's streams these are. Default: all. */
  part?: BatchPart | undefined;
  /** What products are multiplied in, where the machine can. Default float32. */
  precision?: Precision | undefined;
  /** Called with what each layer does, from the first on. */
  onLayer?: ((pass: LayerPass) => void) | undefined;
}

/** A layer's way through a window. */
export interface LayerPass {
  layer: number;
  tensors: LayerWeights;
  /** What the layer below hands up [T, B, H]; of the first layer, embeddings [T, B, E]. */
  below: tf.Tensor3D;
  /** The same with what attention adds to it: what the layer multiplies. */
  inputs: tf.Tensor3D;
  /** Its own states before the first step [B, H]: h, and c of an LSTM. */
  before: HiddenState;
  /** h after each step [T, B, H], as it is handed on to the next step. */
  outputs: tf.Tensor3D;
}

/**
 * Embedding → recurrent layers over a window of text.
 *
 * @param ids token ids, time-major [T·B] int32
 * @param state the states before the first step; its batch size B divides the ids into steps
 */
export function forward(
  config: ModelConfig,
  weights: Weights,
  ids: tf.Tensor1D,
  state: HiddenState,
  { dropout, part, precision, onLayer }: ForwardOptions = {},
): ForwardResult {
  const B = state[0]!.shape[0];
  const T = ids.size / B;
  const { layers, dropoutMask } = config;
  const { length: stateCount } = cellKind(config.cell).states;
  const finalState: HiddenState = [];
  const memories: tf.Tensor2D[] = []; // of the layers that attend
  let outputs: tf.Tensor3D | undefined; // [T, B, H] of the layer before
  let penalty: tf.Scalar | undefined;
  const statistics: Record<string, tf.Tensor> = {};
  for (let layer = 0; layer < layers; layer++) {
    const tensors = layerWeights(weights, layer, config.cell);
    if (dropout && tensors.weightHh) {
      tensors.weightHh = dropWeights(tensors.weightHh, config.weightDrop ?? 0, dropout);
    }
    const before = state.slice(layer * stateCount, (layer + 1) * stateCount);
    let inputs = outputs ?? droppedEmbeddings(config, weights, ids, B, dropout, part);
    const memory = state[recurrentStateCount(config) + layer - 1];
    if (outputs && memory) {
      const { attended, after } = attend(weights, layer, outputs, memory);
      inputs = attended;
      memories.push(after);
    }
    const source = inputs ?? { table: embeddingOf(weights), ids };
    const { made, after } = runLayer(config, source, tensors, before, precision);
    if (onLayer) {
      const read = inputs ?? embed({ table: embeddingOf(weights), ids }, B);
      onLayer({ layer, tensors, below: outputs ?? read, inputs: read, before, outputs: made });
    }
    finalState.push(tf.reshape(tf.slice(made, T - 1, 1), [B, config.hiddenSize]) as tf.Tensor2D);
    finalState.push(...after);
    const normal = normalise(config, weights, layer, made, dropout !== undefined);
    Object.assign(statistics, normal.statistics);
    outputs = normal.normalised;
    if (dropout) {
      const isTop = layer === layers - 1;
      const rate = (isTop ? config.dropoutOutput : undefined) ?? config.dropout;
      outputs = drop(normal.normalised, rate, dropoutMask, dropout, part);
      if (isTop) penalty = outputPenalty(config, normal.normalised, outputs);
    }
    if (config.residual && tensors.weightIh.shape[1] === config.hiddenSize) {
      outputs = tf.add<tf.Tensor3D>(
        outputs,
        inputs ?? embed({ table: embeddingOf(weights), ids }, B),
      );
    }
  }
  const features = tf.reshape(outputs as tf.Tensor3D, [T * B, config.hiddenSize]) as tf.Tensor2D;
  return { features, state: [...finalState, ...memories], penalty, statistics };
}

/**
 * One layer.
 *
 * @param source its inputs [T, B, I], or tokens whose embeddings they are
 * @returns its outputs [T, B, H], and the states after the last step but for the output itself
 */
function runLayer(
  { cell = 'gru', gruVariant, activation }: ModelConfig,
  source: tf.Tensor3D | { table: tf.Tensor2D; ids: tf.Tensor1D },
  tensors: LayerWeights,
  [initialState, initialCell]: HiddenState,
  precision: Precision | undefined,
): { made: tf.Tensor3D; after: HiddenState } {
  const withState = { initialState: initialState!, ...(tensors as RecurrentLayerWeights) };
  if (cell === 'gru') {
    const made =
      source instanceof tf.Tensor
        ? gruSequence({ inputs: source, ...withState }, gruVariant, precision, activation)
        : embeddedGruSequence(
            source.table,
            source.ids,
            withState,
            gruVariant,
            precision,
            activation,
          );
    return { made, after: [] };
  }
  const inputs = source instanceof tf.Tensor ? source : embed(source, initialState!.shape[0]);
  if (cell === 'mingru') return { made: minGruSequence({ inputs, ...withState }), after: [] };
  const all = { inputs, ...withState, biasHh: tensors.biasHh as tf.Tensor1D };
  if (cell === 'rnn') return { made: rnnSequence(all, activation), after: [] };
  const { outputs, finalCell } = lstmSequence({ ...all, initialCell: initialCell! }, precision);
  return { made: outputs, after: [finalCell] };
}

/** The embeddings [T, B, E] of tokens [T·B]. */
function embed({ table, ids }: { table: tf.Tensor2D; ids: tf.Tensor1D }, B: number): tf.Tensor3D {
  return tf.reshape(embeddingLookup(table, ids), [ids.size / B, B, table.shape[1]]);
}

function embeddingOf(weights: Weights): tf.Tensor2D {
  return weights['embedding.weight'] as tf.Tensor2D; // [V, E]
}

/** What the first layer reads [T, B, E], where some of it is dropped; otherwise undefined. */
function droppedEmbeddings(
  { dropoutEmbedding = 0, dropoutMask }: ModelConfig,
  weights: Weights,
  ids: tf.Tensor1D,
  B: number,
  dropout: Random | undefined,
  part: BatchPart | undefined,
): tf.Tensor3D | undefined {
  if (!dropout || dropoutEmbedding === 0) return undefined;
  const inputs = embed({ table: embeddingOf(weights), ids }, B);
  return drop(inputs, dropoutEmbedding, dropoutMask, dropout, part);
}

type RecurrentLayerWeights = Omit<GruLayerTensors, 'initialState'>;
/** Those of a minGRU lack `weightHh`. */
export type LayerWeights = Omit<RecurrentLayerWeights, 'weightHh'> &
  Partial<Pick<RecurrentLayerWeights, 'weightHh'>>;

/** What a layer multiplies and adds. */
export function layerWeights(weights: Weights, layer: number, cell: Cell = 'gru'): LayerWeights {
  const weightHh = weights[`${cell}.weight_hh_l${layer}`] as tf.Tensor2D | undefined;
  const biasHh = weights[`${cell}.bias_hh_l${layer}`] as tf.Tensor1D | undefined;
  return {
    weightIh: weights[`${cell}.weight_ih_l${layer}`] as tf.Tensor2D,
    biasIh: weights[`${cell}.bias_ih_l${layer}`] as tf.Tensor1D,
    ...(weightHh ? { weightHh } : {}),
    ...(biasHh ? { biasHh } : {}),
  };
}

/** What the output layer multiplies by, after a projection if there is one [V, F]. */
export function outputWeightOf(weights: Weights): tf.Tensor2D {
  return (weights['fc.weight'] as tf.Tensor2D | undefined) ?? embeddingOf(weights);
}

/** The output layer as features [N, F], weight [V, F] and bias [V]: scores are their product and sum. */
export function outputLayer(
  weights: Weights,
  features: tf.Tensor2D,
): readonly [features: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D] {
  const projection = weights['fc.projection'] as tf.Tensor2D | undefined; // [E, H]
  const projected = projection ? matrixProduct(features, projection, false, true) : features;
  return [projected, outputWeightOf(weights), weights['fc.bias'] as tf.Tensor1D];
}

/** Scores of every token [N, V] for features [N, H]. */
export function logitsOf(weights: Weights, features: tf.Tensor2D): tf.Tensor2D {
  const [inputs, weight, bias] = outputLayer(weights, features);
  return tf.add(matrixProduct(inputs, weight, false, true), bias);
}
