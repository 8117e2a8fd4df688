/**
 * A GPU's stand-in, for tests on machines without one: TensorFlow's backend says that it uses a GPU, and the
 * calls of cuDNN, for which its processor has no kernels, are answered by plain loops. All else runs as it
 * does on processors.
 *
 * Each such call is held to what TensorFlow says that the operation takes: it is asked for the operation
 * itself, attributes and inputs as they are, and must refuse for the want of a kernel and for nothing else.
 * What it cannot check without one (types and shapes of inputs) is checked here, by its documentation.
 */
import {
  type OpAttribute,
  type TensorFlowBackend,
  tensorFlowBackend,
} from '../tensorflow-binding.ts';
import {
  bufferSize,
  type LayerNumbers,
  layerGradients,
  type Mode,
  runLayer,
} from './cudnn-layer.ts';

type Binding = TensorFlowBackend['binding'];
type Made = ReturnType<Binding['executeOp']>[number];

/** Of TensorFlow's types the one that tfjs-node's binding has no name for. */
const TF_INT8 = 6;

export interface StandInGpu {
  /** Operations that ran, with the attributes that name types: `MatMul T=1`. */
  readonly operations: ReadonlySet<string>;
  /** The calls of cuDNN: `CudnnRNNV3 gru training [T, B, I] → H`. */
  readonly calls: readonly string[];
  /** What each of them was told. */
  readonly told: readonly Readonly<Record<string, unknown>>[];
  /** How many tensors were read back, and of how many numbers; whole ones never lie on a GPU. */
  readonly read: { tensors: number; numbers: number };
  /** Ends it. */
  restore(): void;
}

/** Makes a GPU's backend of TensorFlow's, on which TF.js must be running, without native operations. */
export function standInForGpu(): StandInGpu {
  const backend = tensorFlowBackend() as TensorFlowBackend & { isUsingGpuDevice: boolean };
  const { binding, isUsingGpuDevice } = backend;
  const operations = new Set<string>();
  const calls: string[] = [];
  const read = { tensors: 0, numbers: 0 };
  const told: Record<string, unknown>[] = [];
  const cudnn = new StandInCudnn(binding, calls);
  const executeOp: Binding['executeOp'] = (name, attributes, ids, count) => {
    const types = attributes.filter(({ type }) => type === binding.TF_ATTR_TYPE);
    operations.add([name, ...types.map(({ name, value }) => `${name}=${value}`)].join(' '));
    if (name.startsWith('Cudnn')) {
      told.push(Object.fromEntries(attributes.map(({ name, value }) => [name, value])));
    }
    if (name === 'CudnnRNNV3') return cudnn.forward(attributes, ids);
    if (name === 'CudnnRNNBackpropV3') return cudnn.backward(attributes, ids);
    return binding.executeOp(name, attributes, ids, count);
  };
  const tensorDataSync: Binding['tensorDataSync'] = (id) => {
    const values = binding.tensorDataSync(id);
    if (values instanceof Float32Array) {
      read.tensors += 1;
      read.numbers += values.length;
    }
    return values;
  };
  const replaced = Object.create(binding, {
    executeOp: { value: executeOp },
    tensorDataSync: { value: tensorDataSync },
  }) as Binding;
  backend.binding = replaced;
  backend.isUsingGpuDevice = true;
  return {
    operations,
    calls,
    told,
    read,
    restore: () => Object.assign(backend, { binding, isUsingGpuDevice }),
  };
}

class StandInCudnn {
  readonly #binding: Binding;
  readonly #calls: string[];
  #reserves = 0;

  constructor(binding: Binding, calls: string[]) {
    this.#binding = binding;
    this.#calls = calls;
  }

  forward(attributes: OpAttribute[], ids: number[]): Made[] {
    this.#assertIsOnlyWithoutKernel('CudnnRNNV3', attributes, ids, 5);
    const mode = attributeOf(attributes, 'rnn_mode') as Mode;
    const isTraining = attributeOf(attributes, 'is_training') as boolean;
    const { numbers, sizes } = this.#layer(mode, ids);
    const { T, B, I, H } = sizes;
    this.#calls.push(
      `CudnnRNNV3 ${mode}${isTraining ? ' training' : ''} [${T}, ${B}, ${I}] → ${H}`,
    );
    const { outputs, finalCell } = runLayer(mode, sizes, numbers);
    return [
      this.#float([T, B, H], outputs),
      this.#float([1, B, H], outputs.slice(-B * H)),
      mode === 'lstm' ? this.#float([1, B, H], finalCell) : this.#float([], [Number.NaN]),
      isTraining ? this.#float([3], [++this.#reserves, 0, 0]) : this.#float([], [Number.NaN]),
      this.#int8(isTraining ? this.#reserves : -1),
    ];
  }

  backward(attributes: OpAttribute[], ids: number[]): Made[] {
    this.#assertIsOnlyWithoutKernel('CudnnRNNBackpropV3', attributes, ids, 4);
    const mode = attributeOf(attributes, 'rnn_mode') as Mode;
    const { numbers, sizes } = this.#layer(mode, ids);
    const { T, B, I, H } = sizes;
    this.#calls.push(`CudnnRNNBackpropV3 ${mode} [${T}, ${B}, ${I}] → ${H}`);
    const [outputs, finalState, finalCell, dOutputs, dFinalState, dFinalCell, space, host] = ids
      .slice(5)
      .map((id) => this.#describe(id));
    expectShape('output', outputs!, [T, B, H]);
    expectShape('output_h', finalState!, [1, B, H]);
    expectShape('output_backprop', dOutputs!, [T, B, H]);
    expectShape('output_h_backprop', dFinalState!, [1, B, H]);
    if (mode === 'lstm') {
      expectShape('output_c', finalCell!, [1, B, H]);
      expectShape('output_c_backprop', dFinalCell!, [1, B, H]);
    }
    const again = runLayer(mode, sizes, numbers);
    expectEqual('output', this.#values(outputs!), again.outputs);
    expectEqual('output_h', this.#values(finalState!), again.outputs.slice(-B * H));
    if (mode === 'lstm') expectEqual('output_c', this.#values(finalCell!), again.finalCell);
    expectShape('reserve_space', space!, [3]);
    if (host!.dtype !== TF_INT8) throw new Error(`host_reserved: found type ${host!.dtype}`);
    expectEqual('the number of both reserves', this.#values(space!).slice(0, 1), [
      this.#int8Value(host!),
    ]);

    const dStates = this.#values(dOutputs!);
    for (const [i, value] of this.#values(dFinalState!).entries()) {
      dStates[dStates.length - B * H + i]! += value;
    }
    const dCell = mode === 'lstm' ? this.#values(dFinalCell!) : new Float32Array(B * H);
    const gradients = layerGradients(mode, sizes, numbers, dStates, dCell);
    return [
      this.#float([T, B, I], gradients.inputs),
      this.#float([1, B, H], gradients.state),
      mode === 'lstm' ? this.#float([1, B, H], gradients.cell) : this.#float([], [Number.NaN]),
      this.#float([bufferSize(mode, sizes)], gradients.parameters),
    ];
  }

  /** What both operations are given first: input, input_h, input_c, params, sequence_lengths. */
  #layer(mode: Mode, ids: number[]) {
    const [inputs, state, cell, parameters, lengths] = ids
      .slice(0, 5)
      .map((id) => this.#describe(id)) as [Made, Made, Made, Made, Made];
    const [T, B, I] = inputs.shape as [number, number, number];
    const H = state.shape.at(-1) as number;
    const sizes = { T, B, I, H };
    expectShape('input', inputs, [T, B, I]);
    expectShape('input_h', state, [1, B, H]);
    if (mode === 'lstm') expectShape('input_c', cell, [1, B, H]);
    expectShape('params', parameters, [bufferSize(mode, sizes)]);
    expectShape('sequence_lengths', lengths, [B], this.#binding.TF_INT32);
    expectEqual('sequence_lengths', this.#values(lengths), new Array<number>(B).fill(T));
    const numbers: LayerNumbers = {
      inputs: this.#values(inputs),
      state: this.#values(state),
      cell: mode === 'lstm' ? this.#values(cell) : [],
      parameters: this.#values(parameters),
    };
    return { sizes, numbers };
  }

  /** Throws unless TensorFlow itself has nothing against the call but that it has no kernel for it. */
  #assertIsOnlyWithoutKernel(
    name: string,
    attributes: OpAttribute[],
    ids: number[],
    count: number,
  ): void {
    const found = refusal(() => this.#binding.executeOp(name, attributes, ids, count));
    // What TensorFlow calls it by its own account of the operation alone: with a name that is not the
    // operation's among the attributes it would be another.
    const names = attributes.filter(({ name }) => name === 'T' || name === 'rnn_mode');
    const isTraining = attributes.filter((each) => each.name === 'is_training');
    const plain = refusal(() =>
      this.#binding.executeOp(name, [...names, ...isTraining], ids, count),
    );
    if (found !== plain || !/<no registered kernels>/.test(found)) {
      throw new Error(`expected ${plain}\nfound ${found}`);
    }
  }

  #describe(id: number): Made {
    const [copy] = this.#binding.executeOp('Identity', [], [id], 1) as [Made];
    this.#binding.deleteTensor(copy.id);
    return { ...copy, id };
  }

  #values({ id }: Made): Float32Array {
    return Float32Array.from(this.#binding.tensorDataSync(id));
  }

  #float(shape: number[], values: ArrayLike<number>): Made {
    const { TF_FLOAT } = this.#binding;
    const id = this.#binding.createTensor(shape, TF_FLOAT, Float32Array.from(values));
    return { id, shape, dtype: TF_FLOAT };
  }

  #int8(value: number): Made {
    const { TF_INT32 } = this.#binding;
    const whole = this.#binding.createTensor([], TF_INT32, Int32Array.of(value));
    const made = this.#cast(whole, TF_INT32, TF_INT8);
    this.#binding.deleteTensor(whole);
    return made;
  }

  #int8Value({ id }: Made): number {
    const whole = this.#cast(id, TF_INT8, this.#binding.TF_INT32);
    const [value] = this.#binding.tensorDataSync(whole.id);
    this.#binding.deleteTensor(whole.id);
    return value as number;
  }

  #cast(id: number, from: number, to: number): Made {
    const type = this.#binding.TF_ATTR_TYPE;
    const attributes = [
      { name: 'SrcT', type, value: from },
      { name: 'DstT', type, value: to },
    ];
    return this.#binding.executeOp('Cast', attributes, [id], 1)[0] as Made;
  }
}

function attributeOf(attributes: OpAttribute[], name: string): unknown {
  return attributes.find((each) => each.name === name)?.value;
}

function refusal(call: () => void): string {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing: the call worked';
}

function expectShape(name: string, { shape, dtype }: Made, expected: number[], type = 1): void {
  if (shape.join() === expected.join() && dtype === type) return;
  throw new Error(
    `${name}: expected [${expected}] of type ${type}, found [${shape}] of type ${dtype}`,
  );
}

function expectEqual(name: string, found: ArrayLike<number>, expected: ArrayLike<number>): void {
  for (let i = 0; i < Math.max(found.length, expected.length); i++) {
    if (Math.abs(found[i]! - expected[i]!) <= 1e-5 * Math.max(1, Math.abs(expected[i]!))) continue;
    if (Number.isNaN(found[i]) && Number.isNaN(expected[i])) continue;
    throw new Error(`${name}: expected ${expected[i]} at ${i}, found ${found[i]}`);
  }
}
