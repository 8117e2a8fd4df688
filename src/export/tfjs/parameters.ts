/**
 * A model's weights as constants of a graph, and what is done with them. A matrix of int8 stays whole numbers
 * there, so that its scales multiply what a product makes of them.
 */
import type { TensorData, TensorMap } from '../../tensor-data.ts';
import { dequantize, type Quantization, quantize, type StoredTensor } from '../quantize.ts';
import type { GraphBuilder, Value } from './graph.ts';

/** Weights by their names in a checkpoint; each becomes a constant once, when it is asked for. */
export class GraphParameters {
  readonly #graph: GraphBuilder;
  readonly #weights: TensorMap;
  readonly #quantization: Quantization;
  readonly #stored = new Map<string, StoredTensor>();
  readonly #constants = new Map<string, Value>();

  constructor(graph: GraphBuilder, weights: TensorMap, quantization: Quantization) {
    this.#graph = graph;
    this.#weights = weights;
    this.#quantization = quantization;
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  /** The shape of a weight, and its numbers as they are once they are exported. */
  exported(name: string): TensorData {
    return dequantize(this.#store(name));
  }

  /** What is no matrix. */
  vector(name: string): Value {
    const { shape, data } = this.#store(name);
    return this.#constant(name, () => ({ shape, data }));
  }

  /**
   * Rows [B, K] times a weight [N, K], plus a bias [N] if one is named: [B, N].
   *
   * @param only of the weight, the rows from one number to another; by default all
   */
  product(
    label: string,
    rows: Value,
    name: string,
    bias?: string,
    only: readonly [number, number] = [0, Number.POSITIVE_INFINITY],
  ): Value {
    const [start, end] = [only[0], Math.min(only[1], this.#store(name).shape[0]!)];
    const isWhole = end - start === this.#store(name).shape[0];
    const part = isWhole ? name : `${name}/${start}-${end}`;
    const factor = this.#constant(part, () => transposed(this.#store(name), start, end));
    const added = bias === undefined ? undefined : this.vector(bias);
    const scales = this.#scales(name, part, start, end);
    if (!scales) return this.#graph.product(label, rows, factor, added);
    const product = this.#graph.product(label, rows, factor);
    const scaled = this.#graph.op('Mul', label, [product, scales]);
    return added ? this.#graph.op('AddV2', label, [scaled, added]) : scaled;
  }

  /**
   * The rows [B, K] of a weight [N, K] that `indices` [B] name.
   *
   * @param isFactor whether something is multiplied by the weight as well
   */
  rows(label: string, indices: Value, name: string, isFactor: boolean): Value {
    const graph = this.#graph;
    const stored = this.#store(name);
    let taken: Value;
    if (isFactor) {
      // It is there as [K, N] then, and need not be there twice: its columns are taken.
      const factor = this.#constant(name, () => transposed(stored, 0, stored.shape[0]!));
      const columns = graph.op('GatherV2', label, [factor, indices, graph.integers(1)]);
      taken = graph.op('Transpose', label, [columns, graph.integers([1, 0])]);
    } else {
      const { shape, data } = stored;
      const table = this.#constant(name, () => ({ shape, data }));
      taken = graph.op('GatherV2', label, [table, indices, graph.integers(0)]);
    }
    const scales = this.#scales(name, name, 0, stored.shape[0]!);
    if (!scales) return taken;
    const own = graph.op('GatherV2', label, [scales, indices, graph.integers(0)]);
    const column = graph.op('Reshape', label, [own, graph.integers([-1, 1])]);
    return graph.op('Mul', label, [taken, column]);
  }

  #store(name: string): StoredTensor {
    let stored = this.#stored.get(name);
    if (stored === undefined) {
      const tensor = this.#weights.get(name);
      if (!tensor) throw new Error(`expected a weight ${name}, found none`);
      stored = quantize(name, tensor, this.#quantization);
      this.#stored.set(name, stored);
    }
    return stored;
  }

  #scales(name: string, part: string, start: number, end: number): Value | undefined {
    const stored = this.#store(name);
    if (stored.dtype !== 'I8') return undefined;
    const data = stored.scales.subarray(start, end);
    return this.#constant(`${part}/scales`, () => ({ shape: [data.length], data }));
  }

  #constant(
    name: string,
    make: () => { shape: readonly number[]; data: StoredTensor['data'] },
  ): Value {
    let value = this.#constants.get(name);
    if (value === undefined) {
      const { shape, data } = make();
      value = this.#graph.constant(name, shape, data);
      this.#constants.set(name, value);
    }
    return value;
  }
}

/**
 * The rows [start, end) of a matrix [N, K] as [K, end − start], as the right factor of a product: TF.js's wasm
 * backend is several times slower where a factor has to be transposed each time.
 */
function transposed(
  { shape, data }: StoredTensor,
  start: number,
  end: number,
): { shape: readonly number[]; data: StoredTensor['data'] } {
  const [count, columns] = [end - start, shape[1] as number];
  const turned = data.slice(0, count * columns);
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      turned[column * count + row] = data[(start + row) * columns + column]!;
    }
  }
  return { shape: [columns, count], data: turned };
}
