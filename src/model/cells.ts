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
