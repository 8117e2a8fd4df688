/**
 * A model as an ONNX graph: tokens [batch, time] and states [layers, batch, hidden] in, logits [batch, time,
 * vocabulary] and states out. Shapes: T steps, B streams, E embedding size, H hidden size, V vocabulary size.
 */
import { UserError } from '../../errors.ts';
import { cellKind } from '../../model/cells.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import { EPSILON } from '../../ops/standardise.ts';
import type { TensorData, TensorMap } from '../../tensor-data.ts';
import {
  assertNoAttention,
  configRecord,
  type ExportedModel,
  exportedModel,
  jsonFile,
} from '../exported-model.ts';
import type { ExportedFile, Exporter } from '../exporter.ts';
import { dequantize, quantize } from '../quantize.ts';
import { Graph } from './graph.ts';
import { addLayer } from './layers.ts';
import { Float32, type Message, message } from './protobuf.ts';

/** The version of operators, the first with LayerNormalization, and that of the format that came with it. */
const OPSET = 17;
const IR_VERSION = 8;
/** What a protocol buffer may have. */
const LARGEST_FILE = 2 ** 31 - 1;

export const exportModel: Exporter = async (model, { quantize: quantization }) => ({
  files: onnxFiles(exportedModel(model, quantization)),
  next: [
    'In Python: onnxruntime.InferenceSession("model.onnx") takes tokens [batch, time] and states,',
    'zeros at first, and gives logits and the states to go on from.',
  ],
});

/**
 * The files of the export: the model, and its tokenizer and sizes, which the model's metadata have too, as
 * `tokenizer` and `config`.
 *
 * @throws UserError `export-unsupported` for what has no form here, `export-range` as `quantize`
 */
export function onnxFiles(model: ExportedModel): ExportedFile[] {
  assertNoAttention(model.config, 'onnx');
  const file = modelMessage(model);
  if (file.byteLength > LARGEST_FILE) {
    throw new UserError(
      'export-unsupported',
      `expected a model of less than 2 GiB for --format onnx, found ${file.byteLength} bytes`,
      'Add --quantize float16 or int8, or use --format pytorch.',
    );
  }
  return [
    { name: 'model.onnx', content: file.pieces },
    jsonFile('config.json', configRecord(model)),
    jsonFile('tokenizer.json', model.tokenizer),
  ];
}

/** ModelProto */
function modelMessage(model: ExportedModel): Message {
  const metadata = { config: configRecord(model), tokenizer: model.tokenizer };
  const properties = Object.entries(metadata).map(([key, value]) =>
    message([1, key], [2, JSON.stringify(value)]),
  );
  return message(
    [1, IR_VERSION],
    [2, 'gru-lm'],
    [7, modelGraph(model).encoded('language_model')],
    [8, message([1, ''], [2, OPSET])],
    [14, properties],
  );
}

function modelGraph({ config, weights, quantization }: ExportedModel): Graph {
  const graph = new Graph(quantization);
  const { layers, vocabularySize, cell } = config;
  const tokens = graph.input({ name: 'tokens', type: 'int64', shape: ['batch', 'time'] });
  const kinds = cellKind(cell).states;
  const shape = [layers, 'batch', config.hiddenSize];
  const before = kinds.map((kind) =>
    byLayer(graph, graph.input({ name: `state_${kind}`, type: 'float', shape }), layers),
  );
  const weight = (name: string) => graph.weight(name, weights.get(name) as TensorData);

  const table = weight('embedding.weight');
  const ids = graph.node('Transpose', [tokens], { perm: [1, 0] }); // [T, B]
  let outputs = graph.node('Gather', [table, ids], { axis: 0 }); // [T, B, E]
  const after: string[][] = kinds.map(() => []);
  for (let k = 0; k < layers; k++) {
    const inputs = outputs;
    const states = before.map((each) => each[k]!);
    const layer = addLayer(graph, config, weights, k, inputs, states);
    for (const [i, state] of layer.after.entries()) after[i]!.push(state);
    outputs = addNormalisation(graph, config, weights, k, layer.outputs, quantization);
    const isSameSize = k > 0 || config.embeddingSize === config.hiddenSize;
    if (config.residual && isSameSize) outputs = graph.node('Add', [inputs, outputs]);
  }
  const features = graph.node('Transpose', [outputs], { perm: [1, 0, 2] }); // [B, T, H]
  addScores(graph, config, features, table, weight);
  graph.output({ name: 'logits', type: 'float', shape: ['batch', 'time', vocabularySize] });
  for (const [i, kind] of kinds.entries()) {
    const name = graph.node('Concat', after[i]!, { axis: 0 }, `next_state_${kind}`);
    graph.output({ name, type: 'float', shape });
  }
  return graph;
}

/** States [layers, B, H] as [1, B, H] each. */
function byLayer(graph: Graph, state: string, layers: number): string[] {
  if (layers === 1) return [state];
  const ones = graph.int64(...new Array<number>(layers).fill(1));
  return graph.nodes('Split', [state, ones], { axis: 0 }, layers);
}

/** A layer's outputs [T, B, H] as the next one reads them. */
function addNormalisation(
  graph: Graph,
  { norm = 'none' }: ModelConfig,
  weights: TensorMap,
  k: number,
  outputs: string,
  quantization: ExportedModel['quantization'],
): string {
  if (norm === 'none') return outputs;
  const of = (kind: string) => weights.get(`norm.${k}.${kind}`) as TensorData;
  if (norm === 'layer') {
    const [gain, bias] = ['weight', 'bias'].map((kind) =>
      graph.weight(`norm.${k}.${kind}`, of(kind)),
    );
    const attributes = { axis: -1, epsilon: new Float32(EPSILON) };
    return graph.node('LayerNormalization', [outputs, gain!, bias!], attributes);
  }
  // (y − mean) / √(variance + ε) · gain + bias, of what the numbers are in as many bits as asked for.
  const [gain, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (kind) => dequantize(quantize(`norm.${k}.${kind}`, of(kind), quantization)).data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const { shape } = of('weight');
  const scale = gain.map((value, i) => value / Math.sqrt(variance[i]! + EPSILON));
  const shift = bias.map((value, i) => value - mean[i]! * scale[i]!);
  const scaled = graph.node('Mul', [
    outputs,
    graph.float(`norm.${k}.scale`, { shape, data: scale }),
  ]);
  return graph.node('Add', [scaled, graph.float(`norm.${k}.shift`, { shape, data: shift })]);
}

/**
 * Adds `logits` [B, T, V], which for an adaptive softmax are log p.
 *
 * @param table the name of the embeddings [V, E]
 * @param weight gives the name of a parameter's float32 numbers
 */
function addScores(
  graph: Graph,
  { tied, embeddingSize, hiddenSize, softmaxCutoffs, vocabularySize }: ModelConfig,
  features: string,
  table: string,
  weight: (name: string) => string,
): void {
  const times = (inputs: string, matrix: string) =>
    graph.node('MatMul', [inputs, graph.node('Transpose', [matrix], { perm: [1, 0] })]);
  if (!softmaxCutoffs) {
    const isProjected = tied && embeddingSize !== hiddenSize;
    const inputs = isProjected ? times(features, weight('fc.projection')) : features;
    const products = times(inputs, tied ? table : weight('fc.weight'));
    graph.node('Add', [products, weight('fc.bias')], {}, 'logits');
    return;
  }
  const clusters = softmaxCutoffs.length;
  const sums = graph.node('Add', [
    times(features, weight('fc.head.weight')),
    weight('fc.head.bias'),
  ]);
  const head = graph.node('LogSoftmax', [sums], { axis: -1 });
  const sizes = [softmaxCutoffs[0] ?? vocabularySize, ...new Array<number>(clusters).fill(1)];
  const parts = graph.nodes('Split', [head, graph.int64(...sizes)], { axis: -1 }, 1 + clusters);
  const tails = softmaxCutoffs.map((_, i) => {
    const fewer = times(features, weight(`fc.tail.${i}.0.weight`));
    const scores = times(fewer, weight(`fc.tail.${i}.1.weight`));
    return graph.node('Add', [graph.node('LogSoftmax', [scores], { axis: -1 }), parts[i + 1]!]);
  });
  graph.node('Concat', [parts[0]!, ...tails], { axis: -1 }, 'logits');
}
