/**
 * The GRU over a whole sequence in plain TF.js ops: forward, and hand-written backpropagation
 * through time. It runs on every backend and is what faster kernels are held against.
 *
 * Shapes: T steps, B batch, I input size, H hidden size. The rows of weights and biases are the
 * gates r (reset), z (update), n (candidate), in PyTorch's order:
 * weightIh [3H, I], weightHh [3H, H], biasIh [3H], biasHh [3H].
 *
 * All that does not wait for the previous step is done for all steps at once: the input products
 * before the loop, every weight gradient after it. Gates are kept apart, since splitting a tensor
 * in each step costs more than three products instead of one.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Activation, activate, activationSlope } from './activation.ts';
import { matrixProduct } from './matrix-product.ts';
import {
  flattenSteps,
  previousSteps,
  STEPS_WORTH_PREPARING,
  transposedProduct,
} from './sequence-steps.ts';
import { unstackSteps } from './unstack-steps.ts';

export type GruVariant = 'reset-after' | 'reset-before';

export interface GruTensors {
  /** [T, B, I] */
  inputs: tf.Tensor3D;
  /** [B, H] */
  initialState: tf.Tensor2D;
  /** [3H, I] */
  weightIh: tf.Tensor2D;
  /** [3H, H] */
  weightHh: tf.Tensor2D;
  /** [3H] */
  biasIh: tf.Tensor1D;
  /** [3H]; reset-after only */
  biasHh?: tf.Tensor1D;
}

/** A layer's tensors but for what it reads. */
export type GruLayerTensors = Omit<GruTensors, 'inputs'>;

/** What the forward pass keeps for the gradient, each [T, B, H]. */
export interface GruWorkspace {
  /** r and z after their sigmoid, n after its activation. */
  r: tf.Tensor3D;
  z: tf.Tensor3D;
  n: tf.Tensor3D;
  /** W_hn h + b_hn, before r applies; reset-after only. */
  recurrentN?: tf.Tensor3D;
}

export interface GruForward {
  /** The state after each step [T, B, H]. */
  outputs: tf.Tensor3D;
  workspace?: GruWorkspace;
}

/** The gradient of each input, in its shape. */
export type GruGradients = Required<Omit<GruTensors, 'biasHh'>> & Pick<GruTensors, 'biasHh'>;

/** One value for each gate. */
interface Gates<Value> {
  r: Value;
  z: Value;
  n: Value;
}

/** What one step makes, each [B, H]. */
interface StepResult extends Gates<tf.Tensor2D> {
  state: tf.Tensor2D;
  recurrentN?: tf.Tensor2D;
}

/** One step: from the gates' input sides and the state before to all that follows. */
type Step = (inputSide: Gates<tf.Tensor2D>, previous: tf.Tensor2D) => StepResult;

/** Runs the sequence; with `keepWorkspace` it also returns what {@link gruBackward} needs. */
export function gruForward(
  tensors: GruTensors,
  variant: GruVariant,
  keepWorkspace: boolean,
  activation: Activation = 'tanh',
): GruForward {
  const [T, B, I] = tensors.inputs.shape;
  const H = tensors.initialState.shape[1];
  const flatInputs = tf.reshape(tensors.inputs, [T * B, I]) as tf.Tensor2D;
  const products = gateProducts(tensors.weightIh, T)(flatInputs);
  const biases = splitGates(tensors.biasIh);
  const inputSide = mapGates((gate) => {
    const biased = tf.add(products[gate], biases[gate]); // [T·B, H]
    return unstackSteps(tf.reshape(biased, [T, B, H]) as tf.Tensor3D);
  });
  const stepOf = variant === 'reset-after' ? stepResetAfter : stepResetBefore;
  const step = stepOf(tensors, T, activation);

  const states: tf.Tensor2D[] = [];
  const kept: StepResult[] = [];
  for (let t = 0; t < T; t++) {
    const previous = states[t - 1] ?? tensors.initialState;
    const result = tf.tidy(() => {
      const all = step(
        mapGates((gate) => inputSide[gate][t]!),
        previous,
      );
      return (keepWorkspace ? all : { state: all.state }) as tf.TensorContainer;
    }) as unknown as StepResult;
    states.push(result.state);
    kept.push(result);
  }
  const outputs = stackSteps(states);
  if (!keepWorkspace) return { outputs };
  const workspace: GruWorkspace = mapGates((gate) => stackSteps(kept.map((all) => all[gate])));
  if (variant === 'reset-after') {
    workspace.recurrentN = stackSteps(kept.map(({ recurrentN }) => recurrentN!));
  }
  return { outputs, workspace };
}

/**
 * The variant of PyTorch, cuDNN and arXiv 1406.1078v1: r applies after the recurrent product.
 *
 *     r, z = σ(W_i x + b_i + W_h h + b_h)
 *     n    = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
 *     h'   = (1 − z) ⊙ n + z ⊙ h
 */
function stepResetAfter(tensors: GruTensors, T: number, activation: Activation): Step {
  const recurrentProducts = gateProducts(tensors.weightHh, T);
  const biases = splitGates(tensors.biasHh as tf.Tensor1D);
  return (inputSide, previous) => {
    const products = recurrentProducts(previous);
    const recurrent = mapGates((gate) => tf.add(products[gate], biases[gate]));
    const r = tf.sigmoid(tf.add(inputSide.r, recurrent.r)) as tf.Tensor2D;
    const z = tf.sigmoid(tf.add(inputSide.z, recurrent.z)) as tf.Tensor2D;
    const sums = tf.add(inputSide.n, tf.mul(r, recurrent.n)) as tf.Tensor2D;
    const n = activate(sums, activation);
    const state = tf.add(n, tf.mul(z, tf.sub(previous, n))) as tf.Tensor2D;
    return { state, r, z, n, recurrentN: recurrent.n as tf.Tensor2D };
  };
}

/**
 * The variant of arXiv 1406.1078v3 and `tf.layers.gru`: r applies before the recurrent product.
 * z weighs the candidate, as in the first paper; other libraries swap z and 1 − z.
 *
 *     r, z = σ(W_i x + b + W_h h)
 *     n    = tanh(W_in x + b_n + W_hn (r ⊙ h))
 *     h'   = (1 − z) ⊙ h + z ⊙ n
 */
function stepResetBefore(tensors: GruTensors, T: number, activation: Activation): Step {
  const weights = splitGates(tensors.weightHh);
  const product = mapGates((gate) => transposedProduct(weights[gate], T));
  return (inputSide, previous) => {
    const r = tf.sigmoid(tf.add(inputSide.r, product.r(previous))) as tf.Tensor2D;
    const z = tf.sigmoid(tf.add(inputSide.z, product.z(previous))) as tf.Tensor2D;
    const reset = tf.mul(r, previous) as tf.Tensor2D;
    const n = activate(tf.add(inputSide.n, product.n(reset)) as tf.Tensor2D, activation);
    const state = tf.add(previous, tf.mul(z, tf.sub(n, previous))) as tf.Tensor2D;
    return { state, r, z, n };
  };
}

/**
 * The gradients of every input of {@link gruForward}.
 *
 * With a = what a gate's σ or activation is applied to, and the factors that do not depend on the incoming
 * gradient computed for all steps at once, what is left for the loop is, for reset-after (φ' is the
 * slope of the candidate's activation, 1 − n² of tanh),
 *
 *     ∂a_n = ∂h' (1 − z) φ'            ∂(W_hn h + b_hn) = ∂a_n r
 *     ∂a_z = ∂h' (h − n) z(1 − z)      ∂a_r = ∂a_n (W_hn h + b_hn) r(1 − r)
 *     ∂h   = ∂h' z + ∂a_r W_hr + ∂a_z W_hz + ∂(W_hn h + b_hn) W_hn
 *
 * and for reset-before
 *
 *     ∂a_n = ∂h' z φ'                  ∂(r ⊙ h) = ∂a_n W_hn
 *     ∂a_z = ∂h' (n − h) z(1 − z)      ∂a_r = ∂(r ⊙ h) h r(1 − r)
 *     ∂h   = ∂h' (1 − z) + ∂(r ⊙ h) r + ∂a_r W_hr + ∂a_z W_hz
 *
 * @param outputs the forward pass's outputs [T, B, H]
 * @param outputGradient the loss's gradient by each output [T, B, H]
 */
export function gruBackward(
  tensors: GruTensors,
  variant: GruVariant,
  outputs: tf.Tensor3D,
  workspace: GruWorkspace,
  outputGradient: tf.Tensor3D,
  activation: Activation = 'tanh',
): GruGradients {
  const previous = previousSteps(tensors.initialState, outputs); // [T, B, H]
  const backward = variant === 'reset-after' ? backwardResetAfter : backwardResetBefore;
  return backward(
    tensors,
    previous,
    workspace,
    outputGradient,
    activationSlope(workspace.n, activation),
  );
}

function backwardResetAfter(
  tensors: GruTensors,
  previous: tf.Tensor3D,
  { r, z, n, recurrentN }: GruWorkspace,
  outputGradient: tf.Tensor3D,
  slope: tf.Tensor3D,
): GruGradients {
  const T = previous.shape[0];
  const weights = splitGates(tensors.weightHh); // [H, H] each
  const factors = tf.tidy(() => {
    const oneMinusZ = tf.sub(1, z);
    const byN = tf.mul(oneMinusZ, slope);
    const byRecurrentN = tf.mul(byN, r);
    const byR = tf.mul(tf.mul(byRecurrentN, recurrentN!), tf.sub(1, r));
    const byZ = tf.mul(tf.mul(tf.sub(previous, n), z), oneMinusZ);
    return { r: byR, z: byZ, n: byN, recurrentN: byRecurrentN };
  });
  const at = {
    r: unstackSteps(factors.r as tf.Tensor3D),
    z: unstackSteps(factors.z as tf.Tensor3D),
    n: unstackSteps(factors.recurrentN as tf.Tensor3D),
    keep: unstackSteps(z as tf.Tensor3D),
    gradient: unstackSteps(outputGradient as tf.Tensor3D),
  };

  const stateGradients: tf.Tensor[] = new Array(T); // ∂h' [B, H] of each step
  stateGradients[T - 1] = at.gradient[T - 1]!;
  let initialState = outputGradient as tf.Tensor; // replaced by the last round
  for (let t = T - 1; t >= 0; t--) {
    const before = tf.tidy(() => {
      const dh = stateGradients[t]!;
      const through = mapGates((gate) =>
        matrixProduct(tf.mul(dh, at[gate][t]!) as tf.Tensor2D, weights[gate]),
      );
      const parts = [tf.mul(dh, at.keep[t]!), through.r, through.z, through.n];
      return tf.addN(t > 0 ? [...parts, at.gradient[t - 1]!] : parts);
    });
    if (t > 0) stateGradients[t - 1] = before;
    else initialState = before;
  }

  const dh = tf.stack(stateGradients); // [T, B, H]
  const dGates = mapGates((gate) => flattenSteps(tf.mul(dh, factors[gate])));
  const dRecurrent = { ...dGates, n: flattenSteps(tf.mul(dh, factors.recurrentN)) };
  const flatPrevious = flattenSteps(previous);
  return {
    ...inputSideGradients(tensors, dGates),
    initialState: initialState as tf.Tensor2D,
    weightHh: joinGates((gate) => matrixProduct(dRecurrent[gate], flatPrevious, true)),
    biasHh: joinGates((gate) => tf.sum(dRecurrent[gate], 0) as tf.Tensor1D),
  };
}

function backwardResetBefore(
  tensors: GruTensors,
  previous: tf.Tensor3D,
  { r, z, n }: GruWorkspace,
  outputGradient: tf.Tensor3D,
  slope: tf.Tensor3D,
): GruGradients {
  const T = previous.shape[0];
  const weights = splitGates(tensors.weightHh); // [H, H] each
  const oneMinusZ = tf.sub(1, z);
  const at = {
    r: unstackSteps(tf.mul(tf.mul(previous, r), tf.sub(1, r)) as tf.Tensor3D),
    z: unstackSteps(tf.mul(tf.mul(tf.sub(n, previous), z), oneMinusZ) as tf.Tensor3D),
    n: unstackSteps(tf.mul(z, slope) as tf.Tensor3D),
    reset: unstackSteps(r as tf.Tensor3D),
    keep: unstackSteps(oneMinusZ as tf.Tensor3D),
    gradient: unstackSteps(outputGradient as tf.Tensor3D),
  };

  const gateGradients = mapGates(() => new Array<tf.Tensor2D>(T)); // ∂a [B, H] of each step
  let dh = at.gradient[T - 1] as tf.Tensor; // [B, H]
  for (let t = T - 1; t >= 0; t--) {
    const [dr, dz, dn, before] = tf.tidy(() => {
      const dn = tf.mul(dh, at.n[t]!) as tf.Tensor2D;
      const dReset = matrixProduct(dn, weights.n); // ∂(r ⊙ h)
      const dr = tf.mul(dReset, at.r[t]!) as tf.Tensor2D;
      const dz = tf.mul(dh, at.z[t]!) as tf.Tensor2D;
      const parts = [
        tf.mul(dh, at.keep[t]!),
        tf.mul(dReset, at.reset[t]!),
        matrixProduct(dr, weights.r),
        matrixProduct(dz, weights.z),
      ];
      return [dr, dz, dn, tf.addN(t > 0 ? [...parts, at.gradient[t - 1]!] : parts)] as const;
    }) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor];
    gateGradients.r[t] = dr;
    gateGradients.z[t] = dz;
    gateGradients.n[t] = dn;
    dh = before;
  }

  const dGates = mapGates((gate) => flattenSteps(stackSteps(gateGradients[gate])));
  const flatPrevious = flattenSteps(previous);
  const flatReset = flattenSteps(tf.mul(r, previous));
  return {
    ...inputSideGradients(tensors, dGates),
    initialState: dh as tf.Tensor2D,
    weightHh: joinGates((gate) =>
      matrixProduct(dGates[gate], gate === 'n' ? flatReset : flatPrevious, true),
    ),
  };
}

/** The gradients of what enters by W_i x + b_i, from that sum's own gradients [T·B, H]. */
function inputSideGradients(
  tensors: GruTensors,
  dGates: Gates<tf.Tensor2D>,
): Pick<GruGradients, 'inputs' | 'weightIh' | 'biasIh'> {
  const [T, B, I] = tensors.inputs.shape;
  const flatInputs = tf.reshape(tensors.inputs, [T * B, I]) as tf.Tensor2D;
  const weights = splitGates(tensors.weightIh); // [H, I] each
  const dInputs = mapGates((gate) => matrixProduct(dGates[gate], weights[gate])); // [T·B, I] each
  return {
    inputs: tf.reshape(tf.addN(Object.values(dInputs)), [T, B, I]) as tf.Tensor3D,
    weightIh: joinGates((gate) => matrixProduct(dGates[gate], flatInputs, true)),
    biasIh: joinGates((gate) => tf.sum(dGates[gate], 0) as tf.Tensor1D),
  };
}

/** The products of x [N, K] with the gates' parts of `weight` [3H, K], each [N, H], in T uses. */
function gateProducts(weight: tf.Tensor2D, T: number): (x: tf.Tensor2D) => Gates<tf.Tensor2D> {
  if (T < STEPS_WORTH_PREPARING) {
    return (x) => {
      const [r, z, n] = tf.split(matrixProduct(x, weight, false, true), 3, 1) as tf.Tensor2D[];
      return { r: r!, z: z!, n: n! };
    };
  }
  const weights = splitGates(weight);
  const product = mapGates((gate) => transposedProduct(weights[gate], T));
  return (x) => mapGates((gate) => product[gate](x));
}

function mapGates<Value>(make: (gate: keyof Gates<unknown>) => Value): Gates<Value> {
  return { r: make('r'), z: make('z'), n: make('n') };
}

/** The thirds of a weight or bias whose rows are the gates r, z, n. */
function splitGates<T extends tf.Tensor>(rows: T): Gates<T> {
  const [r, z, n] = tf.split(rows, 3, 0) as [T, T, T];
  return { r, z, n };
}

/** Undoes {@link splitGates}. */
function joinGates<T extends tf.Tensor>(make: (gate: keyof Gates<unknown>) => T): T {
  return tf.concat(Object.values(mapGates(make)), 0) as T;
}

function stackSteps(steps: tf.Tensor2D[]): tf.Tensor3D {
  return tf.stack(steps) as tf.Tensor3D;
}
