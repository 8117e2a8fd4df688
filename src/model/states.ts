/** What a model hands on from one window of text to the next. */
import { memorySpecs } from './attention.ts';
import { cellKind } from './cells.ts';
import type { ModelConfig, ParameterSpec } from './parameters.ts';

type Layers = Pick<ModelConfig, 'cell' | 'layers' | 'hiddenSize' | 'attentionSpan'>;

/**
 * A model's states in their order: those of its layers [B, H], layer by layer (`h_l0`, and `c_l0` of an LSTM,
 * …), then what layers attend to (`memory_l1`, …) [B, M·H].
 */
export function stateSpecs(config: Layers, batchSize: number): ParameterSpec[] {
  const { states } = cellKind(config.cell);
  const recurrent = Array.from({ length: config.layers }, (_, layer) =>
    states.map((state) => ({ name: `${state}_l${layer}`, shape: [batchSize, config.hiddenSize] })),
  ).flat();
  return [...recurrent, ...memorySpecs(config, batchSize)];
}

/** How many of a model's states are its layers' own: the first of them. */
export function recurrentStateCount({
  cell,
  layers,
}: Pick<ModelConfig, 'cell' | 'layers'>): number {
  return layers * cellKind(cell).states.length;
}
