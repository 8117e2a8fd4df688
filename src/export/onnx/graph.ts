/** Builds an ONNX graph, node by node: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
import type { TensorData } from '../../tensor-data.ts';
import { type Quantization, quantize, type StoredTensor } from '../quantize.ts';
import { type FieldValue, Float32, type Message, message } from './protobuf.ts';

/** TensorProto.DataType */
const TYPES = { float: 1, int8: 3, int64: 7, float16: 10 } as const;
const STORED_TYPES = { F32: TYPES.float, F16: TYPES.float16, I8: TYPES.int8 } as const;

/** An attribute: whole numbers, or what says that it is something else. */
type Attribute =
  | number
  | readonly number[]
  | readonly string[]
  | Float32
  | readonly Float32[]
  | Graph;

/** A size, or the name of one that each run chooses. */
export type Dimension = number | string;

/** The values that a graph takes or gives, by the type of their numbers. */
export interface Value {
  readonly name: string;
  readonly type: 'float' | 'int64';
  readonly shape: readonly Dimension[];
}

export class Graph {
  readonly #quantization: Quantization;
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  #values = 0;

  /** @param quantization how the numbers of `weight` are kept */
  constructor(quantization: Quantization = 'none') {
    this.#quantization = quantization;
  }

  input(value: Value): string {
    this.#inputs.push(valueInfo(value));
    return value.name;
  }

  output(value: Value): void {
    this.#outputs.push(valueInfo(value));
  }

  /** Adds a node and returns the name of its only output. */
  node(
    operation: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = this.#newName(operation),
  ): string {
    this.nodeOf(operation, inputs, attributes, [output]);
    return output;
  }

  /** Adds a node and returns the names of `count` outputs. */
  nodes(
    operation: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    count: number,
  ): string[] {
    const outputs = Array.from({ length: count }, () => this.#newName(operation));
    this.nodeOf(operation, inputs, attributes, outputs);
    return outputs;
  }

  /** Adds a node with outputs of these names; an empty one leaves an output out. */
  nodeOf(
    operation: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly string[],
  ): void {
    const all = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    const name = `${operation}_${this.#nodes.length}`;
    this.#nodes.push(message([1, inputs], [2, outputs], [3, name], [4, operation], [5, all]));
  }

  /** Whole numbers that the graph holds [n]. */
  int64(...values: number[]): string {
    const name = this.#newName('int64');
    const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#initializers.push(tensor(name, [values.length], TYPES.int64, data));
    return name;
  }

  /** Numbers that the graph holds, in float32. */
  float(name: string, { shape, data }: TensorData): string {
    this.#initializers.push(tensor(name, shape, TYPES.float, bytesOf(data)));
    return name;
  }

  /**
   * A parameter that the graph holds in as many bits as asked for, and the name of it in float32.
   *
   * @param isLayers whether it gets a first dimension of 1, as all that belongs to a recurrent layer has
   */
  weight(name: string, given: TensorData, isLayers = false): string {
    const stored = quantize(name, given, this.#quantization);
    const shape = isLayers ? [1, ...given.shape] : given.shape;
    this.#initializers.push(tensor(name, shape, STORED_TYPES[stored.dtype], bytesOf(stored.data)));
    if (stored.dtype === 'F32') return name;
    const wide = `${name}_float`;
    if (stored.dtype === 'F16') return this.node('Cast', [name], { to: TYPES.float }, wide);
    const scale = this.float(`${name}_scale`, {
      shape: [stored.scales.length],
      data: stored.scales,
    });
    return this.node('DequantizeLinear', [name, scale], { axis: isLayers ? 1 : 0 }, wide);
  }

  /** GraphProto */
  encoded(name: string): Message {
    return message(
      [1, this.#nodes],
      [2, name],
      [5, this.#initializers],
      [11, this.#inputs],
      [12, this.#outputs],
    );
  }

  #newName(operation: string): string {
    this.#values += 1;
    return `${operation}_${this.#values}_out`;
  }
}

/** AttributeProto */
function attribute(name: string, value: Attribute): Message {
  const [field, type] = attributeField(value);
  return message(
    [1, name],
    [field, value instanceof Graph ? value.encoded(name) : (value as FieldValue)],
    [20, type],
  );
}

/** The number of the field that holds a value, and of the AttributeType. */
function attributeField(value: Attribute): readonly [field: number, type: number] {
  if (typeof value === 'number') return [3, 2];
  if (value instanceof Float32) return [2, 1];
  if (value instanceof Graph) return [6, 5];
  if (typeof value[0] === 'string') return [9, 8];
  return value[0] instanceof Float32 ? [7, 6] : [8, 7];
}

/** TensorProto */
function tensor(name: string, shape: readonly number[], type: number, data: Uint8Array): Message {
  return message([1, shape], [2, type], [8, name], [9, data]);
}

function bytesOf({ buffer, byteOffset, byteLength }: StoredTensor['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** ValueInfoProto */
function valueInfo({ name, type, shape }: Value): Message {
  const dimensions = shape.map((size) =>
    typeof size === 'number' ? message([1, size]) : message([2, size]),
  );
  const tensorType = message([1, TYPES[type]], [2, message([1, dimensions])]);
  return message([1, name], [2, message([1, tensorType])]);
}
