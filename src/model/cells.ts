/** What the recurrent layers are made of. */

export type Cell = 'gru' | 'lstm' | 'rnn' | 'mingru';

interface CellKind {
  /** As people write it. */
  readonly label: string;
  /** Rows of weights for each unit. */
  readonly gates: number;
  /** What a layer hands on from step to step: its output h, and what it keeps to itself. */
  readonly states: readonly string[];
  /** Whether the gates depend on the state before, by weights `weight_hh` and `bias_hh`. */
  readonly hasRecurrentWeights: boolean;
}

const CELLS: Readonly<Record<Cell, CellKind>> = {
  gru: { label: 'GRU', gates: 3, states: ['h'], hasRecurrentWeights: true },
  lstm: { label: 'LSTM', gates: 4, states: ['h', 'c'], hasRecurrentWeights: true },
  rnn: { label: 'RNN', gates: 1, states: ['h'], hasRecurrentWeights: true },
  mingru: { label: 'minGRU', gates: 2, states: ['h'], hasRecurrentWeights: false },
};

export function cellKind(cell: Cell | undefined): CellKind {
  return CELLS[cell ?? 'gru'];
}

/** The names of a model's states, layer by layer: `h_l0`, and `c_l0` of an LSTM, … */
export function stateNames({
  cell,
  layers,
}: {
  cell?: Cell | undefined;
  layers: number;
}): string[] {
  const { states } = cellKind(cell);
  return Array.from({ length: layers }, (_, layer) =>
    states.map((state) => `${state}_l${layer}`),
  ).flat();
}
