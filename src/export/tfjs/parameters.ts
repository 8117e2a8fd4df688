/** A model's weights as constants of a graph. */
import type { TensorData, TensorMap } from '../../tensor-data.ts';
import type { GraphBuilder, Value } from './graph.ts';

/** Weights by their names in a checkpoint; each becomes a constant when it is asked for first. */
export class GraphParameters {
  readonly #graph: GraphBuilder;
  readonly #weights: TensorMap;
  readonly #made = new Map<string, Value>();

  constructor(graph: GraphBuilder, weights: TensorMap) {
    this.#graph = graph;
    this.#weights = weights;
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  /** As it is in the checkpoint. */
  vector(name: string): Value {
    return this.#once(name, (tensor) => tensor);
  }

  /**
   * A matrix [N, K] as [K, N], as the right factor of a product: TF.js's wasm backend is several times slower
   * where a factor has to be transposed each time. `scale` multiplies it.
   */
  factor(name: string, scale = 1): Value {
    return this.#once(name, (tensor) => transposed(tensor, scale));
  }

  /** What a weight says. */
  data(name: string): TensorData {
    const tensor = this.#weights.get(name);
    if (!tensor) throw new Error(`expected a weight ${name}, found none`);
    return tensor;
  }

  #once(name: string, arranged: (tensor: TensorData) => TensorData): Value {
    let value = this.#made.get(name);
    if (value === undefined) {
      const { shape, data } = arranged(this.data(name));
      value = this.#graph.constant(name, shape, data);
      this.#made.set(name, value);
    }
    return value;
  }
}

function transposed({ shape, data }: TensorData, scale: number): TensorData {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      turned[column * rows + row] = scale * data[row * columns + column]!;
    }
  }
  return { shape: [columns, rows], data: turned };
}
