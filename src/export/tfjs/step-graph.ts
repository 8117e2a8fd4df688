/**
 * One step of a model as a graph: a token of each of B streams and the states before it in, scores and the
 * states after it out. Shapes: B streams, V vocabulary size, E embedding size, H hidden size, M steps that are
 * attended to, D size of their keys.
 */

import { cellKind } from '../../model/cells.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import { recurrentStateCount, stateSpecs } from '../../model/states.ts';
import { EPSILON } from '../../ops/standardise.ts';
import type { TensorMap } from '../../tensor-data.ts';
import type { Quantization } from '../quantize.ts';
import { addCell } from './cell-graph.ts';
import { GraphBuilder, type Value } from './graph.ts';
import { GraphParameters } from './parameters.ts';

/** The size of a dimension that is known when the graph runs. */
const BATCH = -1;

/**
 * The graph of a model, of any cell and with any options. It takes `tokens` [B] int32 and gives `logits` [B, V],
 * of which the softmax is the probability of the next token (of an adaptive softmax they are its logarithms);
 * states go in and come out under one name each, those of `stateSpecs`.
 */
export function stepGraph(
  config: ModelConfig,
  weights: TensorMap,
  quantization: Quantization,
): GraphBuilder {
  const graph = new GraphBuilder();
  const parameters = new GraphParameters(graph, weights, quantization);
  const { layers, hiddenSize: H, residual } = config;
  const { length: stateCount } = cellKind(config.cell).states;
  const tokens = graph.input('tokens', [BATCH], 'int32');
  const specs = stateSpecs(config, BATCH);
  const states = specs.map(({ name, shape }) => graph.input(name, shape));
  const after: Value[] = [];
  const memories: Value[] = [];
  const isFactor = config.tied === true && !config.softmaxCutoffs;
  let outputs = parameters.rows('embedded', tokens, 'embedding.weight', isFactor);
  for (let layer = 0; layer < layers; layer += 1) {
    let inputs = outputs;
    const memory = states[recurrentStateCount(config) + layer - 1];
    if (layer > 0 && memory) {
      const attention = addAttention(graph, config, parameters, layer, inputs, memory);
      inputs = attention.attended;
      memories.push(attention.after);
    }
    const before = states.slice(layer * stateCount, (layer + 1) * stateCount);
    const made = addCell(graph, config, parameters, layer, inputs, before);
    after.push(...made);
    outputs = addNormalisation(graph, config, parameters, layer, made[0]!);
    const inputSize = layer === 0 ? config.embeddingSize : H;
    if (residual && inputSize === H) outputs = graph.op('AddV2', 'residual', [outputs, inputs]);
  }
  graph.output('logits', addScores(graph, config, parameters, outputs), [
    BATCH,
    config.vocabularySize,
  ]);
  for (const [i, value] of [...after, ...memories].entries()) {
    graph.output(specs[i]!.name, value, specs[i]!.shape);
  }
  return graph;
}

/** A layer's outputs [B, H] as the next one is to read them. */
function addNormalisation(
  graph: GraphBuilder,
  { norm = 'none', hiddenSize: H }: ModelConfig,
  parameters: GraphParameters,
  layer: number,
  outputs: Value,
): Value {
  if (norm === 'none') return outputs;
  const name = (kind: string) => `norm.${layer}.${kind}`;
  if (norm === 'batch') {
    // Running statistics are constants: all that is left is to scale and to shift.
    const [gain, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (kind) => parameters.exported(name(kind)).data,
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const scale = gain.map((value, i) => value / Math.sqrt(variance[i]! + EPSILON));
    const shift = bias.map((value, i) => value - mean[i]! * scale[i]!);
    const scaled = graph.op('Mul', 'scaled', [outputs, graph.constant(name('scale'), [H], scale)]);
    return graph.op('AddV2', 'normalised', [scaled, graph.constant(name('shift'), [H], shift)]);
  }
  const mean = (value: Value) =>
    graph.op('Mean', 'mean', [value, graph.integers([1])], { keep_dims: { b: true } });
  const centred = graph.op('Sub', 'centred', [outputs, mean(outputs)]);
  const variance = mean(graph.op('Mul', 'squares', [centred, centred]));
  const epsilon = graph.constant(name('epsilon'), [], Float32Array.of(EPSILON));
  const inverse = graph.op('Rsqrt', 'inverse', [graph.op('AddV2', 'sum', [variance, epsilon])]);
  const standardised = graph.op('Mul', 'standardised', [centred, inverse]);
  const scaled = graph.op('Mul', 'scaled', [standardised, parameters.vector(name('weight'))]);
  return graph.op('AddV2', 'normalised', [scaled, parameters.vector(name('bias'))]);
}

/**
 * A layer's inputs [B, H] with a mixture of the M before added to them, by `attendToPast`, and its memory
 * [B, M·H] after the step.
 */
function addAttention(
  graph: GraphBuilder,
  { hiddenSize: H, attentionSpan }: ModelConfig,
  parameters: GraphParameters,
  layer: number,
  inputs: Value,
  memory: Value,
): { attended: Value; after: Value } {
  const M = attentionSpan as number;
  const name = (part: string) => `attention.${layer}.${part}`;
  const reshape = (value: Value, shape: readonly number[]) =>
    graph.op('Reshape', 'reshaped', [value, graph.integers(shape)]);
  const [D] = parameters.exported(name('query.weight')).shape as [number];
  const scale = graph.constant(name('scale'), [], Float32Array.of(1 / Math.sqrt(D)));
  const query = parameters.product('queries', inputs, name('query.weight'));
  const queries = reshape(graph.op('Mul', 'queries', [query, scale]), [BATCH, D, 1]);
  const past = reshape(memory, [BATCH, H]); // [B·M, H]
  const keys = parameters.product('keys', past, name('key.weight'));
  const products = graph.op('BatchMatMulV2', 'scores', [reshape(keys, [BATCH, M, D]), queries]);
  const scores = reshape(products, [BATCH, M]);
  const biased = graph.op('AddV2', 'scores', [scores, parameters.vector(name('distance'))]);
  const shares = reshape(graph.op('Softmax', 'shares', [biased]), [BATCH, 1, M]);
  const steps = reshape(memory, [BATCH, M, H]);
  const mixture = reshape(graph.op('BatchMatMulV2', 'mixture', [shares, steps]), [BATCH, H]);
  const context = parameters.product('context', mixture, name('value.weight'));
  const attended = graph.op('AddV2', 'attended', [inputs, context]);
  const rest = [memory, graph.integers([0, H]), graph.integers([BATCH, (M - 1) * H])];
  const recent = M === 1 ? [] : [graph.op('Slice', 'recent', rest)];
  return { attended, after: concatenated(graph, [...recent, inputs]) };
}

/** Values [B, ·] side by side. */
function concatenated(graph: GraphBuilder, values: readonly Value[]): Value {
  if (values.length === 1) return values[0]!;
  return graph.op('ConcatV2', 'concatenated', [...values, graph.integers(1)], {
    N: { i: String(values.length) },
  });
}

/** [B, V] for the top layer's outputs [B, H]. */
function addScores(
  graph: GraphBuilder,
  { tied, softmaxCutoffs, vocabularySize }: ModelConfig,
  parameters: GraphParameters,
  features: Value,
): Value {
  if (!softmaxCutoffs) {
    const projected = parameters.has('fc.projection')
      ? parameters.product('projected', features, 'fc.projection')
      : features;
    const weight = tied ? 'embedding.weight' : 'fc.weight';
    return parameters.product('scores', projected, weight, 'fc.bias');
  }
  const scores = parameters.product('head_scores', features, 'fc.head.weight', 'fc.head.bias');
  const head = graph.op('LogSoftmax', 'head', [scores]);
  const S = softmaxCutoffs[0] ?? vocabularySize;
  const columns = (start: number, count: number) =>
    graph.op('Slice', 'columns', [
      head,
      graph.integers([0, start]),
      graph.integers([BATCH, count]),
    ]);
  const tails = softmaxCutoffs.map((_, i) => {
    const tailFeatures = parameters.product('tail_features', features, `fc.tail.${i}.0.weight`);
    const tailScores = parameters.product('tail', tailFeatures, `fc.tail.${i}.1.weight`);
    const within = graph.op('LogSoftmax', 'within_tail', [tailScores]);
    return graph.op('AddV2', 'tail_tokens', [within, columns(S + i, 1)]);
  });
  return concatenated(graph, [columns(0, S), ...tails]);
}
