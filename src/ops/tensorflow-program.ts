import type * as tf from '@tensorflow/tfjs-core';
import { type Activation, LEAK } from './activation.ts';
import {
  flag,
  number,
  type OpAttribute,
  type TensorFlowBackend,
  wholeNumber,
} from './tensorflow-binding.ts';

/** A TensorFlow tensor by the number that the addon knows it by. */
export type Id = number;

/**
 * Runs TensorFlow operations by their ids, without a TF.js tensor for each result: that takes
 * longer than the small operations of a recurrent step themselves. Everything made is released by
 * {@link finish}, but for what is handed out as a tensor.
 */
export class TensorFlowProgram {
  readonly #backend: TensorFlowBackend;
  readonly #made = new Set<Id>();
  readonly #float: OpAttribute;
  readonly #constants = new Map<string, Id>();

  constructor(backend: TensorFlowBackend) {
    this.#backend = backend;
    const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
    this.#float = { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT };
  }

  /** The ids of tensors that live on; they are not released. */
  ids(tensors: readonly tf.TensorInfo[]): Id[] {
    return this.#backend.getInputTensorIds(tensors);
  }

  /** A result as a tensor, which from now on belongs to TF.js. */
  tensor(id: Id, shape: number[]): tf.Tensor {
    this.#made.delete(id);
    const dtype = this.#backend.binding.TF_FLOAT;
    return this.#backend.createOutputTensor({ id, shape, dtype });
  }

  /** Releases a result before the end. */
  release(...ids: Id[]): void {
    for (const id of ids) {
      this.#made.delete(id);
      this.#backend.binding.deleteTensor(id);
    }
  }

  finish(): void {
    this.release(...this.#made);
    this.#constants.clear();
  }

  /** Element by element, of equal shapes or broadcast: `Mul`, `AddV2`, `Sub`, `Sigmoid`, … */
  map(op: string, ...inputs: Id[]): Id {
    return this.#one(op, [this.#float], inputs);
  }

  /** As `activate`. */
  activate(sums: Id, activation: Activation): Id {
    if (activation !== 'leaky-relu') return this.map(activation === 'tanh' ? 'Tanh' : 'Relu', sums);
    return this.#one('LeakyRelu', [this.#float, this.#leak()], [sums]);
  }

  /** `gradient` times `activationSlope`, in one operation. */
  activationGradient(values: Id, gradient: Id, activation: Activation): Id {
    if (activation === 'tanh') return this.map('TanhGrad', values, gradient);
    if (activation === 'relu') return this.map('ReluGrad', gradient, values);
    return this.#one('LeakyReluGrad', [this.#float, this.#leak()], [gradient, values]);
  }

  onesLike(id: Id): Id {
    return this.#one('OnesLike', [this.#float], [id]);
  }

  matMul(a: Id, b: Id, transposeA = false, transposeB = false): Id {
    const attributes = [
      this.#float,
      this.#flag('transpose_a', transposeA),
      this.#flag('transpose_b', transposeB),
    ];
    return this.#one('MatMul', attributes, [a, b]);
  }

  transpose(matrix: Id): Id {
    const attributes = [this.#float, this.#intType('Tperm')];
    return this.#one('Transpose', attributes, [matrix, this.ints([1, 0])]);
  }

  reshape(id: Id, shape: number[]): Id {
    return this.#one('Reshape', [this.#float, this.#intType('Tshape')], [id, this.ints(shape)]);
  }

  /** Cuts the last dimension. */
  splitLast(id: Id, sizes: number[]): Id[] {
    const attributes = [this.#int('num_split', sizes.length), this.#float, this.#intType('Tlen')];
    return this.#run('SplitV', attributes, [id, this.ints(sizes), this.int(-1)], sizes.length);
  }

  concat(ids: Id[], axis: number): Id {
    const attributes = [this.#int('N', ids.length), this.#float, this.#intType('Tidx')];
    return this.#one('ConcatV2', attributes, [...ids, this.int(axis)]);
  }

  /** One tensor for each index of the first dimension. */
  unstack(id: Id, count: number): Id[] {
    const attributes = [this.#int('num', count), this.#float, this.#int('axis', 0)];
    return this.#run('Unpack', attributes, [id], count);
  }

  stack(ids: Id[]): Id {
    return this.#one('Pack', [this.#int('N', ids.length), this.#float, this.#int('axis', 0)], ids);
  }

  add(ids: Id[]): Id {
    return this.#one('AddN', [this.#int('N', ids.length), this.#float], ids);
  }

  sumRows(matrix: Id): Id {
    const attributes = [this.#float, this.#intType('Tidx'), this.#flag('keep_dims', false)];
    return this.#one('Sum', attributes, [matrix, this.ints([0])]);
  }

  /** A constant vector of whole numbers. */
  ints(values: number[]): Id {
    return this.#constant(`[${values}]`, [values.length], values);
  }

  /** A constant whole number. */
  int(value: number): Id {
    return this.#constant(`${value}`, [], [value]);
  }

  #constant(key: string, shape: number[], values: number[]): Id {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const { binding } = this.#backend;
    const id = binding.createTensor(shape, binding.TF_INT32, Int32Array.from(values));
    this.#made.add(id);
    this.#constants.set(key, id);
    return id;
  }

  #one(op: string, attributes: OpAttribute[], inputs: Id[]): Id {
    return this.#run(op, attributes, inputs, 1)[0] as Id;
  }

  #run(op: string, attributes: OpAttribute[], inputs: Id[], count: number): Id[] {
    const outputs = this.#backend.binding.executeOp(op, attributes, inputs, count);
    return outputs.map(({ id }) => {
      this.#made.add(id);
      return id;
    });
  }

  #flag(name: string, value: boolean): OpAttribute {
    return flag(this.#backend, name, value);
  }

  #leak(): OpAttribute {
    return number(this.#backend, 'alpha', LEAK);
  }

  #int(name: string, value: number): OpAttribute {
    return wholeNumber(this.#backend, name, value);
  }

  #intType(name: string): OpAttribute {
    const { TF_ATTR_TYPE, TF_INT32 } = this.#backend.binding;
    return { name, type: TF_ATTR_TYPE, value: TF_INT32 };
  }
}
