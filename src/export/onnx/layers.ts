/**
 * Recurrent layers as ONNX nodes. Shapes: T steps, B streams, I inputs, H hidden size.
 *
 * ONNX has the gates of a GRU in the order z, r, h and those of an LSTM as i, o, f, c; of both kinds of biases
 * it makes one tensor. Its z weighs the state before, as that of reset-after here does; of reset-before, where z
 * weighs the candidate, the rows of z get the other sign, since 1 − σ(a) = σ(−a).
 * https://onnx.ai/onnx/operators/onnx__GRU.html
 */
import { gateRows } from '../../model/gate-rows.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import { LEAK } from '../../ops/activation.ts';
import type { TensorData, TensorMap } from '../../tensor-data.ts';
import { Graph } from './graph.ts';
import { Float32 } from './protobuf.ts';

const OPERATIONS = { gru: 'GRU', lstm: 'LSTM', rnn: 'RNN' } as const;
/** For each of ONNX's gates, which of ours it is. */
const GATES = { gru: [1, 0, 2], lstm: [0, 3, 1, 2], rnn: [0] } as const;
/** Where ONNX has it. */
const UPDATE_GATE = 0;
const ACTIVATIONS = { tanh: 'Tanh', relu: 'Relu', 'leaky-relu': 'LeakyRelu' } as const;

/**
 * Adds layer k.
 *
 * @param inputs the name of [T, B, I]
 * @param states the names of the states before, [1, B, H] each
 * @returns the names of the outputs [T, B, H] and of the states after
 */
export function addLayer(
  graph: Graph,
  config: ModelConfig,
  weights: TensorMap,
  k: number,
  inputs: string,
  states: readonly string[],
): { outputs: string; after: string[] } {
  const { cell = 'gru', gruVariant, activation = 'tanh', hiddenSize } = config;
  const of = (kind: string) => weights.get(`${cell}.${kind}_l${k}`);
  if (cell === 'mingru') {
    return addMinGru(graph, of('weight_ih')!, of('bias_ih')!, k, inputs, states[0]!);
  }
  const turned = cell === 'gru' && gruVariant === 'reset-before' ? UPDATE_GATE : undefined;
  const arranged = (tensor: TensorData) => gateRows(tensor, GATES[cell], turned);
  const biasIh = arranged(of('bias_ih')!);
  const biasHh = of('bias_hh');
  const biases = new Float32Array(2 * biasIh.data.length);
  biases.set(biasIh.data);
  if (biasHh) biases.set(arranged(biasHh).data, biasIh.data.length);
  const tensors = [
    graph.weight(`${cell}.weight_ih_l${k}`, arranged(of('weight_ih')!), true),
    graph.weight(`${cell}.weight_hh_l${k}`, arranged(of('weight_hh')!), true),
    graph.weight(`${cell}.bias_l${k}`, { shape: [biases.length], data: biases }, true),
  ];
  const [all, ...after] = graph.nodes(
    OPERATIONS[cell],
    [inputs, ...tensors, '', ...states],
    {
      hidden_size: hiddenSize,
      ...(cell === 'gru' ? { linear_before_reset: gruVariant === 'reset-after' ? 1 : 0 } : {}),
      ...(activation === 'tanh' ? {} : activations(cell === 'gru', activation)),
    },
    1 + states.length,
  );
  // [T, directions = 1, B, H]
  return { outputs: graph.node('Squeeze', [all!, graph.int64(1)]), after };
}

function activations(isGru: boolean, activation: keyof typeof ACTIVATIONS) {
  return {
    activations: [...(isGru ? ['Sigmoid'] : []), ACTIVATIONS[activation]],
    ...(activation === 'leaky-relu' ? { activation_alpha: [new Float32(LEAK)] } : {}),
  };
}

/** A minGRU, for which ONNX has no operation: its gates at once, then h' = h + z (n − h) step by step. */
function addMinGru(
  graph: Graph,
  weight: TensorData,
  bias: TensorData,
  k: number,
  inputs: string,
  state: string,
): { outputs: string; after: string[] } {
  const matrix = graph.weight(`mingru.weight_ih_l${k}`, weight);
  const product = graph.node('MatMul', [
    inputs,
    graph.node('Transpose', [matrix], { perm: [1, 0] }),
  ]);
  const gates = graph.node('Add', [product, graph.weight(`mingru.bias_ih_l${k}`, bias)]);
  const hiddenSize = bias.data.length / 2;
  const halves = [gates, graph.int64(hiddenSize, hiddenSize)];
  const [sums, candidates] = graph.nodes('Split', halves, { axis: 2 }, 2);
  const update = graph.node('Sigmoid', [sums!]);
  const first = graph.node('Squeeze', [state, graph.int64(0)]);
  const scanned = [first, update, candidates!];
  const attributes = { body: minGruStep(hiddenSize, k), num_scan_inputs: 2 };
  const [last, outputs] = graph.nodes('Scan', scanned, attributes, 2);
  return { outputs: outputs!, after: [graph.node('Unsqueeze', [last!, graph.int64(0)])] };
}

/** A step of one stream each, from h, z and n [B, H] to h' twice: to go on from, and to hand out. */
function minGruStep(hiddenSize: number, k: number): Graph {
  const step = new Graph();
  const shape = ['batch', hiddenSize];
  const [h, z, n] = ['h', 'z', 'n'].map((name) =>
    step.input({ name: `${name}_l${k}`, type: 'float', shape }),
  ) as [string, string, string];
  const change = step.node('Mul', [z, step.node('Sub', [n, h])]);
  const after = step.node('Add', [h, change], {}, `after_l${k}`);
  step.output({ name: after, type: 'float', shape });
  step.output({ name: step.node('Identity', [after], {}, `made_l${k}`), type: 'float', shape });
  return step;
}
