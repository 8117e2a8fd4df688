/**
 * The LSTM over a whole sequence in plain TF.js ops: forward, and hand-written backpropagation
 * through time. It runs on every backend and is what faster kernels are held against.
 *
 * Shapes: T steps, B batch, I input size, H hidden size. The rows of weights and biases are the
 * gates i (input), f (forget), g (candidate), o (output), in PyTorch's order:
 * weightIh [4H, I], weightHh [4H, H], biasIh [4H], biasHh [4H].
 *
 * All that does not wait for the previous step is done for all steps at once: the input products
 * before the loop, every weight gradient after it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { matrixProduct } from './matrix-product.ts';
import { flattenSteps, previousSteps, transposedProduct } from './sequence-steps.ts';
import { unstackSteps } from './unstack-steps.ts';

export interface LstmTensors {
  /** [T, B, I] */
  inputs: tf.Tensor3D;
  /** [B, H] */
  initialState: tf.Tensor2D;
  /** [B, H] */
  initialCell: tf.Tensor2D;
  /** [4H, I] */
  weightIh: tf.Tensor2D;
  /** [4H, H] */
  weightHh: tf.Tensor2D;
  /** [4H] */
  biasIh: tf.Tensor1D;
  /** [4H] */
  biasHh: tf.Tensor1D;
}

/** What the forward pass keeps for the gradient. */
export interface LstmWorkspace {
  /** i, f, g, o of each step side by side, after their σ or tanh [T, B, 4H]. */
  gates: tf.Tensor3D;
  /** The cell after each step [T, B, H]. */
  cells: tf.Tensor3D;
}

export interface LstmForward {
  /** The state after each step [T, B, H]. */
  outputs: tf.Tensor3D;
  /** The cell after the last step [B, H]. */
  finalCell: tf.Tensor2D;
  workspace?: LstmWorkspace;
}

/** The gradient of each input, in its shape. */
export interface LstmGradients extends Omit<LstmTensors, 'biasIh' | 'biasHh'> {
  /** Of biasIh and of biasHh, which only ever act as their sum [4H]. */
  bias: tf.Tensor1D;
}

/** What one step makes: the state, the cell and the gates i, f, g, o, each [B, H]. */
type StepResult = [
  state: tf.Tensor2D,
  cell: tf.Tensor2D,
  ...gates: [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D] | [],
];

/**
 * Runs the sequence; with `keepWorkspace` it also returns what {@link lstmBackward} needs.
 *
 *     i, f, o = σ(W_i x + b_i + W_h h + b_h)
 *     g       = tanh(W_ig x + b_ig + W_hg h + b_hg)
 *     c'      = f ⊙ c + i ⊙ g
 *     h'      = o ⊙ tanh(c')
 */
export function lstmForward(tensors: LstmTensors, keepWorkspace: boolean): LstmForward {
  const { inputs, initialState, initialCell, weightIh, weightHh, biasIh, biasHh } = tensors;
  const [T, B] = inputs.shape;
  const rows = weightHh.shape[0]; // 4H
  const product = matrixProduct(flattenSteps(inputs), weightIh, false, true); // [T·B, 4H]
  const biased = tf.add(product, tf.add(biasIh, biasHh));
  const inputSide = unstackSteps(tf.reshape(biased, [T, B, rows]) as tf.Tensor3D); // [B, 4H] each
  const recurrent = transposedProduct(weightHh, T);

  const steps: StepResult[] = [];
  for (let t = 0; t < T; t++) {
    const [state, cell] = steps[t - 1] ?? [initialState, initialCell];
    const step = tf.tidy(() => {
      const sums = tf.split(tf.add(inputSide[t]!, recurrent(state)), 4, 1);
      const [i, f, g, o] = sums.map((sum, gate) =>
        gate === 2 ? tf.tanh(sum) : tf.sigmoid(sum),
      ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const nextCell = tf.add(tf.mul(f, cell), tf.mul(i, g)) as tf.Tensor2D;
      const nextState = tf.mul(o, tf.tanh(nextCell)) as tf.Tensor2D;
      return keepWorkspace ? [nextState, nextCell, i, f, g, o] : [nextState, nextCell];
    });
    steps.push(step as StepResult);
  }
  const stacked = (part: number) => tf.stack(steps.map((step) => step[part]!)) as tf.Tensor3D;
  const outputs = stacked(0);
  const finalCell = steps[T - 1]![1];
  if (!keepWorkspace) return { outputs, finalCell };
  const gates = tf.concat3d([2, 3, 4, 5].map(stacked), 2);
  return { outputs, finalCell, workspace: { gates, cells: stacked(1) } };
}

/**
 * The gradients of every input of {@link lstmForward}.
 *
 * With a = what a gate's σ or tanh is applied to, and ∂h', ∂c' = what reaches a step's results from
 * outside and from later steps,
 *
 *     ∂c   := ∂c' + ∂h' o(1 − tanh² c')
 *     ∂a_i = ∂c g i(1 − i)        ∂a_f = ∂c c f(1 − f)
 *     ∂a_g = ∂c i(1 − g²)         ∂a_o = ∂h' tanh(c') o(1 − o)
 *
 * and ∂c f and ∂a W_h go on to the step before. The factors that do not depend on the incoming
 * gradient are computed for all steps at once.
 *
 * @param outputs the forward pass's outputs [T, B, H]
 * @param outputGradient the loss's gradient by each output [T, B, H]
 * @param finalCellGradient the loss's gradient by the final cell [B, H]
 */
export function lstmBackward(
  tensors: Omit<LstmTensors, 'biasIh' | 'biasHh'>,
  outputs: tf.Tensor3D,
  { gates, cells }: LstmWorkspace,
  outputGradient: tf.Tensor3D,
  finalCellGradient: tf.Tensor2D,
): LstmGradients {
  const { inputs, initialState, initialCell, weightIh, weightHh } = tensors;
  const T = inputs.shape[0];
  const [i, f, g, o] = tf.split(gates, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [factors, stateToCell] = tf.tidy(() => {
    const tanhCells = tf.tanh(cells);
    const byGate = [
      tf.mul(g, sigmoidSlope(i)),
      tf.mul(previousSteps(initialCell, cells), sigmoidSlope(f)),
      tf.mul(i, tanhSlope(g)),
      tf.mul(tanhCells, sigmoidSlope(o)),
    ];
    return [tf.concat(byGate, 2), tf.mul(o, tanhSlope(tanhCells))];
  }) as [tf.Tensor3D, tf.Tensor3D]; // [T, B, 4H], [T, B, H]
  const at = {
    factors: unstackSteps(factors),
    stateToCell: unstackSteps(stateToCell),
    keep: unstackSteps(f as tf.Tensor3D),
    gradient: unstackSteps(outputGradient),
  };

  const gateGradients: tf.Tensor2D[] = new Array(T); // ∂a [B, 4H] of each step
  let dh = at.gradient[T - 1]!; // [B, H]
  let dc = finalCellGradient; // [B, H]
  for (let t = T - 1; t >= 0; t--) {
    [gateGradients[t], dh, dc] = tf.tidy(() => {
      const dCell = tf.add(dc, tf.mul(dh, at.stateToCell[t]!));
      const reaching = tf.concat([dCell, dCell, dCell, dh], 1); // [B, 4H]
      const dGates = tf.mul(reaching, at.factors[t]!) as tf.Tensor2D;
      const through = matrixProduct(dGates, weightHh);
      const before = t > 0 ? tf.add(through, at.gradient[t - 1]!) : through;
      return [dGates, before, tf.mul(dCell, at.keep[t]!)];
    }) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  }

  const dGates = flattenSteps(tf.stack(gateGradients)); // [T·B, 4H]
  return {
    inputs: tf.reshape(matrixProduct(dGates, weightIh), inputs.shape),
    initialState: dh,
    initialCell: dc,
    weightIh: matrixProduct(dGates, flattenSteps(inputs), true),
    weightHh: matrixProduct(dGates, flattenSteps(previousSteps(initialState, outputs)), true),
    bias: tf.sum(dGates, 0),
  };
}

/** σ' by σ's value. */
function sigmoidSlope(value: tf.Tensor): tf.Tensor {
  return tf.mul(value, tf.sub(1, value));
}

/** tanh' by tanh's value. */
function tanhSlope(value: tf.Tensor): tf.Tensor {
  return tf.sub(1, tf.square(value));
}
