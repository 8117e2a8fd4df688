/** Which tokens a model takes to be alike. Shapes: V tokens, D numbers of each. */
import type { TensorData, TensorMap } from '../tensor-data.ts';

export interface Neighbor {
  id: number;
  /** The cosine of the angle between the two rows: 1 for the same direction, −1 for the opposite one. */
  similarity: number;
}

/** What stands for a token: how it is read, or how it is scored. */
export type Rows = 'embedding' | 'output';

/**
 * The matrix [V, D] with a row for each token. A tied model scores tokens by their embeddings: both are one.
 *
 * @returns undefined for the output of an adaptive softmax, in which the rows of different clusters are of
 *   different lengths and spaces
 */
export function rowsOf(weights: TensorMap, rows: Rows): TensorData | undefined {
  const embedding = weights.get('embedding.weight');
  if (rows === 'embedding' || !embedding) return embedding;
  if (weights.has('fc.head.weight')) return undefined;
  return weights.get('fc.weight') ?? embedding;
}

/**
 * The `count` tokens whose rows have the greatest cosine similarity with that of `id`, which is none of them;
 * of equal ones the lower id first. A row of zeros has no direction and is no neighbour; if it is the token's
 * own, there are none.
 */
export function nearest({ shape, data }: TensorData, id: number, count: number): Neighbor[] {
  const [V, D] = shape as [number, number];
  const own = data.subarray(id * D, (id + 1) * D);
  const ownLength = Math.sqrt(dot(own, own));
  const found: Neighbor[] = [];
  for (let other = 0; other < V && ownLength > 0; other++) {
    if (other === id) continue;
    const row = data.subarray(other * D, (other + 1) * D);
    const length = Math.sqrt(dot(row, row));
    if (length > 0) found.push({ id: other, similarity: dot(own, row) / (ownLength * length) });
  }
  return found.sort((a, b) => b.similarity - a.similarity || a.id - b.id).slice(0, count);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
