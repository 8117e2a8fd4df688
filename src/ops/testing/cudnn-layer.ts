/**
 * What cuDNN's documentation says that a layer computes, by plain loops in float64 over its flat buffer of
 * parameters: a second definition, beside the operations' own, for tests. Of the gates g in their order the
 * buffer has W_g [H, I] of each, R_g [H, H] of each, b_Wg [H] of each, b_Rg [H] of each (see
 * `../cudnn-parameters.ts`).
 *
 * GRU: r = σ(W_r x + R_r h + b_Wr + b_Rr), i likewise, h' = tanh(W_h x + b_Wh + r ⊙ (R_h h + b_Rh)), and the
 * state becomes (1 − i) ⊙ h' + i ⊙ h. LSTM: i, f, o by σ and c' by tanh of such sums; c becomes f ⊙ c + i ⊙ c',
 * and h becomes o ⊙ tanh(c).
 */
export type Mode = 'gru' | 'lstm';

/** T steps, B batch, I input size, H hidden size. */
export interface LayerSizes {
  T: number;
  B: number;
  I: number;
  H: number;
}

export interface LayerNumbers {
  /** [T, B, I] */
  inputs: ArrayLike<number>;
  /** [B, H] */
  state: ArrayLike<number>;
  /** [B, H]; of an LSTM */
  cell: ArrayLike<number>;
  /** [P] */
  parameters: ArrayLike<number>;
}

export type LayerGradients = Record<keyof LayerNumbers, Float64Array>;

interface Kept {
  /** After σ or tanh, of each gate [T, B, H]. */
  gates: Float64Array[];
  /** R_h h + b_Rh of a GRU [T, B, H]. */
  reset: Float64Array;
  /** [T + 1, B, H], from what was there before the first step on. */
  states: Float64Array;
  cells: Float64Array;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Numbers in the buffer. */
export function bufferSize(mode: Mode, { I, H }: Pick<LayerSizes, 'I' | 'H'>): number {
  return gatesOf(mode) * H * (I + H + 2);
}

/** The states after each step [T, B, H], and the cell after the last [B, H]. */
export function runLayer(
  mode: Mode,
  sizes: LayerSizes,
  numbers: LayerNumbers,
): { outputs: Float64Array; finalCell: Float64Array } {
  const { states, cells } = forward(mode, sizes, numbers);
  const rows = sizes.B * sizes.H;
  return { outputs: states.slice(rows), finalCell: cells.slice(sizes.T * rows) };
}

function forward(mode: Mode, sizes: LayerSizes, numbers: LayerNumbers): Kept {
  const { T, B, I, H } = sizes;
  const { inputs, parameters } = numbers;
  const at = places(mode, sizes);
  const rows = B * H;
  const kept: Kept = {
    gates: Array.from({ length: gatesOf(mode) }, () => new Float64Array(T * rows)),
    reset: new Float64Array(T * rows),
    states: new Float64Array((T + 1) * rows),
    cells: new Float64Array((T + 1) * rows),
  };
  kept.states.set(numbers.state);
  if (mode === 'lstm') kept.cells.set(numbers.cell);
  for (let row = 0; row < T * B; row++) {
    for (let unit = 0; unit < H; unit++) {
      const here = row * H + unit;
      const sums = kept.gates.map((_, gate) => {
        let [input, recurrent] = [
          parameters[at.biasW(gate, unit)]!,
          parameters[at.biasR(gate, unit)]!,
        ];
        for (let i = 0; i < I; i++)
          input += parameters[at.W(gate, unit, i)]! * inputs[row * I + i]!;
        for (let j = 0; j < H; j++) {
          recurrent += parameters[at.R(gate, unit, j)]! * kept.states[row * H + j]!;
        }
        return { input, recurrent };
      });
      const all = (gate: number) => sums[gate]!.input + sums[gate]!.recurrent;
      const values = mode === 'gru' ? gruGates(all, sums[2]!) : lstmGates(all);
      for (const [gate, value] of values.entries()) kept.gates[gate]![here] = value;
      const [first, second, third, fourth] = values as [number, number, number, number];
      if (mode === 'gru') {
        kept.reset[here] = sums[2]!.recurrent;
        kept.states[here + rows] = (1 - second) * third + second * kept.states[here]!;
      } else {
        const cell = second * kept.cells[here]! + first * third;
        kept.cells[here + rows] = cell;
        kept.states[here + rows] = fourth * Math.tanh(cell);
      }
    }
  }
  return kept;
}

function gruGates(all: (gate: number) => number, n: { input: number; recurrent: number }) {
  const r = sigmoid(all(0));
  return [r, sigmoid(all(1)), Math.tanh(n.input + r * n.recurrent)];
}

function lstmGates(all: (gate: number) => number) {
  return [sigmoid(all(0)), sigmoid(all(1)), Math.tanh(all(2)), sigmoid(all(3))];
}

/**
 * The gradients of each number that {@link runLayer} is given.
 *
 * @param dOutputs of the states after each step [T, B, H]
 * @param dFinalCell of the cell after the last [B, H]
 */
export function layerGradients(
  mode: Mode,
  sizes: LayerSizes,
  numbers: LayerNumbers,
  dOutputs: ArrayLike<number>,
  dFinalCell: ArrayLike<number>,
): LayerGradients {
  const { T, B, I, H } = sizes;
  const { inputs, parameters } = numbers;
  const kept = forward(mode, sizes, numbers);
  const at = places(mode, sizes);
  const rows = B * H;
  const gradients: LayerGradients = {
    inputs: new Float64Array(T * B * I),
    state: new Float64Array(rows),
    cell: mode === 'lstm' ? Float64Array.from(dFinalCell) : new Float64Array(rows),
    parameters: new Float64Array(bufferSize(mode, sizes)),
  };
  let dState = new Float64Array(rows);
  for (let t = T - 1; t >= 0; t--) {
    const dBefore = new Float64Array(rows);
    for (let own = 0; own < rows; own++) {
      const [row, unit, here] = [t * B + Math.floor(own / H), own % H, t * rows + own];
      const value = (gate: number) => kept.gates[gate]![here]!;
      const dh = dState[own]! + dOutputs[here]!;
      /** By gate: what reaches its sum, by the input's part and by the state's. */
      const sums: [input: number, recurrent: number][] = [];
      if (mode === 'gru') {
        const [r, z, n] = [value(0), value(1), value(2)];
        const dn = dh * (1 - z) * (1 - n * n);
        const dr = dn * kept.reset[here]! * r * (1 - r);
        const dz = dh * (kept.states[here]! - n) * z * (1 - z);
        dBefore[own]! += dh * z;
        sums.push([dr, dr], [dz, dz], [dn, dn * r]);
      } else {
        const [i, f, g, o] = [value(0), value(1), value(2), value(3)];
        const cell = Math.tanh(kept.cells[here + rows]!);
        const dc = gradients.cell[own]! + dh * o * (1 - cell * cell);
        const di = dc * g * i * (1 - i);
        const df = dc * kept.cells[here]! * f * (1 - f);
        const dg = dc * i * (1 - g * g);
        const dO = dh * cell * o * (1 - o);
        gradients.cell[own] = dc * f;
        sums.push([di, di], [df, df], [dg, dg], [dO, dO]);
      }
      for (const [gate, [input, recurrent]] of sums.entries()) {
        gradients.parameters[at.biasW(gate, unit)]! += input;
        gradients.parameters[at.biasR(gate, unit)]! += recurrent;
        for (let i = 0; i < I; i++) {
          gradients.parameters[at.W(gate, unit, i)]! += input * inputs[row * I + i]!;
          gradients.inputs[row * I + i]! += input * parameters[at.W(gate, unit, i)]!;
        }
        for (let j = 0; j < H; j++) {
          gradients.parameters[at.R(gate, unit, j)]! += recurrent * kept.states[row * H + j]!;
          dBefore[own - unit + j]! += recurrent * parameters[at.R(gate, unit, j)]!;
        }
      }
    }
    dState = dBefore;
  }
  gradients.state = dState;
  return gradients;
}

function gatesOf(mode: Mode): number {
  return mode === 'gru' ? 3 : 4;
}

/** Where in the buffer what stands. */
function places(mode: Mode, { I, H }: LayerSizes) {
  const recurrent = gatesOf(mode) * H * I;
  const biases = recurrent + gatesOf(mode) * H * H;
  return {
    W: (gate: number, unit: number, input: number) => (gate * H + unit) * I + input,
    R: (gate: number, unit: number, other: number) => recurrent + (gate * H + unit) * H + other,
    biasW: (gate: number, unit: number) => biases + gate * H + unit,
    biasR: (gate: number, unit: number) => biases + (gatesOf(mode) + gate) * H + unit,
  };
}
