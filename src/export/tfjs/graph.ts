/**
 * A graph model of TensorFlow.js in the making: nodes of TensorFlow operations (GraphDef as JSON) and the
 * values of its constants. `@tensorflow/tfjs-converter` defines both (`data/compiled_api.ts`,
 * `operations/op_list`), and how model.json puts them together (`tfjs-core`'s `io/types.ts`).
 */
import { elementCount } from '../../model/parameters.ts';

/** The name of a node, with the number of its output where that is not the first: `split:1`. */
export type Value = string & { readonly isValue: unique symbol };

type DataType = 'float32' | 'int32';

/** float32, int32, the bits of binary16, or whole numbers in place of float32. */
type ConstantData = Float32Array | Int32Array | Uint16Array | Int8Array;

/** A constant, of which the values go into the shards. */
export interface Constant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: ConstantData;
}

interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr: Readonly<Record<string, object>>;
}

interface Signature {
  readonly name: string;
  readonly dtype: string;
  readonly tensorShape: object;
}

const DATA_TYPES = { float32: 'DT_FLOAT', int32: 'DT_INT32' } as const;

/** Builds one graph. Sizes of −1 are those of a batch, which is known when the graph runs. */
export class GraphBuilder {
  readonly constants: Constant[] = [];
  readonly #nodes: Node[] = [];
  readonly #inputs: Record<string, Signature> = {};
  readonly #outputs: Record<string, Signature> = {};
  readonly #names = new Set<string>();
  readonly #integers = new Map<string, Value>();

  /** Something that whoever runs the graph gives, by this name. */
  input(name: string, shape: readonly number[], type: DataType = 'float32'): Value {
    const attr = { dtype: { type: DATA_TYPES[type] }, shape: { shape: shapeJson(shape) } };
    const value = this.#add({ name, op: 'Placeholder', attr });
    this.#inputs[name] = signature(value, shape, type);
    return value;
  }

  /** Values that are part of the model. */
  constant(name: string, shape: readonly number[], data: ConstantData): Value {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(
        `${name}: expected ${elementCount(shape)} numbers, found ${data.length}`,
      );
    }
    this.constants.push({ name, shape, data });
    const dtype = { type: DATA_TYPES[data instanceof Int32Array ? 'int32' : 'float32'] };
    return this.#add({ name, op: 'Const', attr: { dtype } });
  }

  /** Whole numbers that an operation takes as an input: a scalar, or a list of them. */
  integers(numbers: number | readonly number[]): Value {
    const key = `integers/${[numbers].flat().join('_')}${typeof numbers === 'number' ? '' : '_'}`;
    const known = this.#integers.get(key);
    if (known) return known;
    const list = [numbers].flat();
    const made = this.constant(
      key.replaceAll('-', 'minus'),
      typeof numbers === 'number' ? [] : [list.length],
      Int32Array.from(list),
    );
    this.#integers.set(key, made);
    return made;
  }

  /** One operation of TensorFlow's; `name` says what it is for and need not be unique. */
  op(
    op: string,
    name: string,
    input: readonly Value[],
    attr: Readonly<Record<string, object>> = {},
  ): Value {
    return this.#add({ name: this.#freeName(name), op, input, attr });
  }

  /** The outputs of a `Split` along the last of two dimensions into `count` equal parts. */
  split(name: string, value: Value, count: number): Value[] {
    const made = this.op('Split', name, [this.integers(1), value], {
      num_split: { i: String(count) },
    });
    return Array.from({ length: count }, (_, i) => (i === 0 ? made : `${made}:${i}`) as Value);
  }

  /** Rows [·, K] times a weight [K, N], plus a bias [N] if there is one. */
  product(name: string, rows: Value, weight: Value, bias?: Value): Value {
    if (!bias) return this.op('MatMul', name, [rows, weight]);
    return this.op('_FusedMatMul', name, [rows, weight, bias], {
      fused_ops: { list: { s: [Buffer.from('BiasAdd').toString('base64')] } },
      num_args: { i: '1' },
    });
  }

  /** Gives `value` back under `name`, which may also be that of an input. */
  output(name: string, value: Value, shape: readonly number[]): void {
    const named = this.op('Identity', `output/${name}`, [value]);
    this.#outputs[name] = signature(named, shape, 'float32');
  }

  /** What model.json holds beside the weights: `predict` takes and gives tensors by their names. */
  json(): { modelTopology: object; signature: object; userDefinedMetadata: object } {
    return {
      modelTopology: { node: this.#nodes, library: {}, versions: { producer: 1808 } },
      signature: { inputs: this.#inputs, outputs: this.#outputs },
      userDefinedMetadata: { structuredOutputKeys: Object.keys(this.#outputs) },
    };
  }

  #add(node: Node): Value {
    if (this.#names.has(node.name)) throw new Error(`expected a new name, found ${node.name}`);
    this.#names.add(node.name);
    this.#nodes.push(node);
    return node.name as Value;
  }

  #freeName(name: string): string {
    let free = name;
    for (let copy = 1; this.#names.has(free); copy += 1) free = `${name}_${copy}`;
    return free;
  }
}

function signature(value: Value, shape: readonly number[], type: DataType): Signature {
  const name = value.includes(':') ? value : `${value}:0`;
  return { name, dtype: DATA_TYPES[type], tensorShape: shapeJson(shape) };
}

function shapeJson(shape: readonly number[]): object {
  return { dim: shape.map((size) => ({ size: String(size) })) };
}
