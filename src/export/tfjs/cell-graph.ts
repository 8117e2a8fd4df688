/** One step of a recurrent layer. Shapes: B streams, I input size, H hidden size. */
import type { ModelConfig } from '../../model/parameters.ts';
import { type Activation, LEAK } from '../../ops/activation.ts';
import type { GraphBuilder, Value } from './graph.ts';
import type { GraphParameters } from './parameters.ts';

/** What a step of a layer is made of. */
interface Layer {
  readonly graph: GraphBuilder;
  readonly config: ModelConfig;
  /** What the layer reads [B, I]. */
  readonly inputs: Value;
  /** Its states before [B, H], the output first. */
  readonly states: readonly Value[];
  readonly parameters: GraphParameters;
  /** The name of a weight of the layer. */
  name(kind: 'weight_ih' | 'weight_hh' | 'bias_ih' | 'bias_hh'): string;
}

/**
 * The states [B, H] after the step, the output first; the formulas are those of `src/ops`.
 *
 * @param inputs what the layer reads [B, I]
 * @param states those before [B, H]
 */
export function addCell(
  graph: GraphBuilder,
  config: ModelConfig,
  parameters: GraphParameters,
  layer: number,
  inputs: Value,
  states: readonly Value[],
): Value[] {
  const { cell = 'gru' } = config;
  const step: Layer = {
    graph,
    config,
    inputs,
    states,
    parameters,
    name: (kind) => `${cell}.${kind}_l${layer}`,
  };
  switch (cell) {
    case 'gru':
      return config.gruVariant === 'reset-after' ? gruResetAfter(step) : gruResetBefore(step);
    case 'lstm':
      return lstm(step);
    case 'rnn':
      return rnn(step);
    case 'mingru':
      return minGru(step);
  }
}

function fromInputs({ parameters, inputs, name }: Layer): Value {
  return parameters.product('from_inputs', inputs, name('weight_ih'), name('bias_ih'));
}

function fromState({ parameters, states, name }: Layer): Value {
  return parameters.product('from_state', states[0]!, name('weight_hh'), name('bias_hh'));
}

function gruResetAfter(layer: Layer): Value[] {
  const { graph, states } = layer;
  const [h] = states as [Value];
  const [ri, zi, ni] = graph.split('gates', fromInputs(layer), 3) as [Value, Value, Value];
  const [rh, zh, nh] = graph.split('gates', fromState(layer), 3) as [Value, Value, Value];
  const r = graph.op('Sigmoid', 'r', [graph.op('AddV2', 'r_sum', [ri, rh])]);
  const z = graph.op('Sigmoid', 'z', [graph.op('AddV2', 'z_sum', [zi, zh])]);
  const sum = graph.op('AddV2', 'n_sum', [ni, graph.op('Mul', 'n_reset', [r, nh])]);
  return [between(graph, activated(layer, 'n', sum), h, z)];
}

function gruResetBefore(layer: Layer): Value[] {
  const { graph, config, parameters, states, name } = layer;
  const [h] = states as [Value];
  const H = config.hiddenSize;
  const fromRows = (label: string, rows: Value, from: number, to: number) =>
    parameters.product(label, rows, name('weight_hh'), undefined, [from, to]);
  const [ri, zi, ni] = graph.split('gates', fromInputs(layer), 3) as [Value, Value, Value];
  const [rh, zh] = graph.split('gates', fromRows('from_state', h, 0, 2 * H), 2) as [Value, Value];
  const r = graph.op('Sigmoid', 'r', [graph.op('AddV2', 'r_sum', [ri, rh])]);
  const z = graph.op('Sigmoid', 'z', [graph.op('AddV2', 'z_sum', [zi, zh])]);
  const reset = graph.op('Mul', 'reset', [r, h]);
  const sum = graph.op('AddV2', 'n_sum', [ni, fromRows('from_reset', reset, 2 * H, 3 * H)]);
  return [between(graph, h, activated(layer, 'n', sum), z)];
}

function lstm(layer: Layer): Value[] {
  const { graph, states } = layer;
  const [, c] = states as [Value, Value];
  const sums = graph.op('AddV2', 'sums', [fromInputs(layer), fromState(layer)]);
  const [i, f, g, o] = graph
    .split('gates', sums, 4)
    .map((sum, gate) => graph.op(gate === 2 ? 'Tanh' : 'Sigmoid', 'gate', [sum])) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const kept = graph.op('Mul', 'kept', [f, c]);
  const cell = graph.op('AddV2', 'cell', [kept, graph.op('Mul', 'taken', [i, g])]);
  return [graph.op('Mul', 'hidden', [o, graph.op('Tanh', 'cell_tanh', [cell])]), cell];
}

function rnn(layer: Layer): Value[] {
  const { graph } = layer;
  return [
    activated(layer, 'hidden', graph.op('AddV2', 'sum', [fromInputs(layer), fromState(layer)])),
  ];
}

function minGru(layer: Layer): Value[] {
  const { graph, states } = layer;
  const [h] = states as [Value];
  const [forZ, n] = graph.split('gates', fromInputs(layer), 2) as [Value, Value];
  return [between(graph, h, n, graph.op('Sigmoid', 'z', [forZ]))];
}

/** (1 − share) a + share b, each [B, H]. */
function between(graph: GraphBuilder, a: Value, b: Value, share: Value): Value {
  const way = graph.op('Mul', 'way', [share, graph.op('Sub', 'difference', [b, a])]);
  return graph.op('AddV2', 'hidden', [a, way]);
}

const OPERATIONS = {
  tanh: 'Tanh',
  relu: 'Relu',
  'leaky-relu': 'LeakyRelu',
} as const satisfies Record<Activation, string>;

function activated({ graph, config }: Layer, name: string, sum: Value): Value {
  const { activation = 'tanh' } = config;
  const attributes = activation === 'leaky-relu' ? { alpha: { f: LEAK } } : {};
  return graph.op(OPERATIONS[activation], name, [sum], attributes);
}
