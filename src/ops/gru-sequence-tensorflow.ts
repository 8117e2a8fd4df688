/**
 * The reset-after GRU over a whole sequence in TensorFlow's own operations: what
 * `gru-sequence-reference.ts` does, with one recurrent product a step and no TF.js tensor for what
 * only a step needs. Shapes and gate order as there.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { Activation } from './activation.ts';
import type { GruGradients, GruTensors, GruWorkspace } from './gru-sequence-reference.ts';
import type { TensorFlowBackend } from './tensorflow-binding.ts';
import { type Id, TensorFlowProgram } from './tensorflow-program.ts';

/** As `gruForward` of the reference, for reset-after. */
export function gruForwardTensorFlow(
  backend: TensorFlowBackend,
  tensors: GruTensors,
  keepWorkspace: boolean,
  activation: Activation,
): { outputs: tf.Tensor3D; workspace?: GruWorkspace } {
  const { inputs, initialState, weightIh, weightHh, biasIh, biasHh } = tensors;
  const [T, B, I] = inputs.shape;
  const H = initialState.shape[1];
  const run = new TensorFlowProgram(backend);
  const [x, h0, wIh, wHh, bIh, bHh] = run.ids([
    inputs,
    initialState,
    weightIh,
    weightHh,
    biasIh,
    biasHh as tf.Tensor1D,
  ]) as [Id, Id, Id, Id, Id, Id];

  const product = run.matMul(run.reshape(x, [T * B, I]), wIh, false, true); // [T·B, 3H]
  const projected = run.reshape(run.map('BiasAdd', product, bIh), [T, B, 3 * H]);
  run.release(product);
  const [gates, candidates] = run.splitLast(projected, [2 * H, H]) as [Id, Id];
  run.release(projected);
  const gatesAt = run.unstack(gates, T); // [B, 2H] each
  const candidateAt = run.unstack(candidates, T); // [B, H] each
  const recurrentWeight = T > 1 ? run.transpose(wHh) : wHh; // [H, 3H], or [3H, H] for one step

  const states: Id[] = [];
  const kept = { r: [] as Id[], z: [] as Id[], n: [] as Id[], recurrentN: [] as Id[] };
  for (let t = 0; t < T; t++) {
    const h = states[t - 1] ?? h0; // [B, H]
    const raw = run.matMul(h, recurrentWeight, false, T === 1);
    const recurrent = run.map('BiasAdd', raw, bHh); // [B, 3H]
    const [forGates, recurrentN] = run.splitLast(recurrent, [2 * H, H]) as [Id, Id];
    const sum = run.map('AddV2', gatesAt[t]!, forGates);
    const sigmoid = run.map('Sigmoid', sum);
    const [r, z] = run.splitLast(sigmoid, [H, H]) as [Id, Id];
    const reset = run.map('Mul', r, recurrentN);
    const preN = run.map('AddV2', candidateAt[t]!, reset);
    const n = run.activate(preN, activation);
    const difference = run.map('Sub', h, n);
    const carried = run.map('Mul', z, difference);
    states.push(run.map('AddV2', n, carried));
    run.release(raw, recurrent, forGates, sum, sigmoid, reset, preN, difference, carried);
    if (!keepWorkspace) run.release(r, z, n, recurrentN);
    else {
      kept.r.push(r);
      kept.z.push(z);
      kept.n.push(n);
      kept.recurrentN.push(recurrentN);
    }
  }

  const stacked = (ids: Id[]) => run.tensor(run.stack(ids), [T, B, H]) as tf.Tensor3D;
  const outputs = stacked(states);
  const workspace = keepWorkspace && {
    r: stacked(kept.r),
    z: stacked(kept.z),
    n: stacked(kept.n),
    recurrentN: stacked(kept.recurrentN),
  };
  run.finish();
  return workspace ? { outputs, workspace } : { outputs };
}

/** As `gruBackward` of the reference, for reset-after. */
export function gruBackwardTensorFlow(
  backend: TensorFlowBackend,
  tensors: GruTensors,
  outputs: tf.Tensor3D,
  workspace: GruWorkspace,
  outputGradient: tf.Tensor3D,
  activation: Activation,
): GruGradients {
  const [T, B, H] = outputs.shape;
  const I = tensors.inputs.shape[2];
  const run = new TensorFlowProgram(backend);
  const [x, h0, wIh, wHh, states, r, z, n, recurrentN, dOutputs] = run.ids([
    tensors.inputs,
    tensors.initialState,
    tensors.weightIh,
    tensors.weightHh,
    outputs,
    workspace.r,
    workspace.z,
    workspace.n,
    workspace.recurrentN as tf.Tensor3D,
    outputGradient,
  ]) as Id[] as [Id, Id, Id, Id, Id, Id, Id, Id, Id, Id];

  // The state before each step [T, B, H].
  const statesAt = run.unstack(states, T);
  const previous = run.stack([h0, ...statesAt.slice(0, T - 1)]);
  // σ' = σ(1 − σ) and tanh' = 1 − tanh², as TensorFlow's own gradient ops have them: dy · f'(y).
  const difference = run.map('Sub', previous, n);
  const byZ = run.map('SigmoidGrad', z, difference); // (h − n) z(1 − z)
  const complement = run.map('Sub', run.onesLike(z), z); // 1 − z
  const byN = run.activationGradient(n, complement, activation); // (1 − z)(1 − n²) of tanh
  const byReset = run.map('Mul', byN, recurrentN);
  const byR = run.map('SigmoidGrad', r, byReset);
  const byRecurrentN = run.map('Mul', byN, r);
  const at = {
    r: run.unstack(byR, T),
    z: run.unstack(byZ, T),
    n: run.unstack(byRecurrentN, T),
    keep: run.unstack(z, T),
    gradient: run.unstack(dOutputs, T),
  };

  const stateGradients: Id[] = new Array(T); // ∂h' [B, H] of each step
  const recurrentGradients: Id[] = new Array(T); // of W_hh h + b_hh [B, 3H]
  stateGradients[T - 1] = at.gradient[T - 1]!;
  let dInitialState: Id = 0;
  for (let t = T - 1; t >= 0; t--) {
    const dh = stateGradients[t]!;
    const parts = (['r', 'z', 'n'] as const).map((gate) => run.map('Mul', dh, at[gate][t]!));
    const dRecurrent = run.concat(parts, 1); // [B, 3H]
    const through = run.matMul(dRecurrent, wHh);
    const kept = run.map('Mul', dh, at.keep[t]!);
    const before = run.add(t > 0 ? [through, kept, at.gradient[t - 1]!] : [through, kept]);
    run.release(...parts, through, kept);
    recurrentGradients[t] = dRecurrent;
    if (t > 0) stateGradients[t - 1] = before;
    else dInitialState = before;
  }

  const rows = (id: Id, width: number) => run.reshape(id, [T * B, width]);
  const dRecurrent = rows(run.stack(recurrentGradients), 3 * H);
  const dCandidate = rows(run.map('Mul', run.stack(stateGradients), byN), H); // ∂a_n
  const [dGates] = run.splitLast(dRecurrent, [2 * H, H]) as [Id, Id];
  const dProjected = run.concat([dGates, dCandidate], 1); // [T·B, 3H]
  const gradients: GruGradients = {
    inputs: run.tensor(run.reshape(run.matMul(dProjected, wIh), [T, B, I]), [
      T,
      B,
      I,
    ]) as tf.Tensor3D,
    initialState: run.tensor(dInitialState, [B, H]) as tf.Tensor2D,
    weightIh: run.tensor(run.matMul(dProjected, rows(x, I), true), [3 * H, I]) as tf.Tensor2D,
    weightHh: run.tensor(run.matMul(dRecurrent, rows(previous, H), true), [
      3 * H,
      H,
    ]) as tf.Tensor2D,
    biasIh: run.tensor(run.sumRows(dProjected), [3 * H]) as tf.Tensor1D,
    biasHh: run.tensor(run.sumRows(dRecurrent), [3 * H]) as tf.Tensor1D,
  };
  run.finish();
  return gradients;
}
