/** Finds where a set of the first ends, without sorting what is not at the end of it. */

/**
 * Of the ids that come first by `keys`, the last that is needed for their weights to add up to `wanted`:
 * the first ids up to it are the smallest such set. Of equal keys the lower id comes first. Where all weights
 * together do not reach it, that is the last id of all.
 *
 * It is quickselect by weight (Hoare 1961): on average the time is in proportion to the number of ids.
 *
 * @param ids [count] distinct ids; they come back in another order
 * @param keys by id
 * @param weights by id, none negative; undefined: each counts as 1
 * @param wanted above 0
 */
export function boundaryOf(
  ids: Int32Array,
  keys: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
  wanted: number,
): number {
  let [low, high, left] = [0, ids.length, wanted];
  while (high - low > 1) {
    const pivot = takePivot(ids, keys, low, high);
    const key = keys[pivot]!;
    let end = low;
    let sum = 0;
    for (let i = low; i < high - 1; i++) {
      const id = ids[i]!;
      const other = keys[id]!;
      if (other < key || (other === key && id < pivot)) {
        ids[i] = ids[end]!;
        ids[end] = id;
        end += 1;
        sum += weights ? weights[id]! : 1;
      }
    }
    if (end > low && sum >= left) {
      high = end;
      continue;
    }
    left -= sum + (weights ? weights[pivot]! : 1);
    // The pivot is where it belongs: at `end`, with those that come after it behind.
    ids[high - 1] = ids[end]!;
    ids[end] = pivot;
    if (left <= 0 || end + 1 === high) return pivot;
    low = end + 1;
  }
  return ids[low]!;
}

/** Puts the middle one of three ids of [low, high) at its end. */
function takePivot(ids: Int32Array, keys: ArrayLike<number>, low: number, high: number): number {
  const comesFirst = (a: number, b: number) => {
    const [first, second] = [ids[a]!, ids[b]!];
    return keys[first]! < keys[second]! || (keys[first] === keys[second] && first < second);
  };
  let [a, b, c] = [low, (low + high) >>> 1, high - 1];
  if (comesFirst(b, a)) [a, b] = [b, a];
  if (comesFirst(c, b)) [b, c] = [c, b];
  if (comesFirst(b, a)) [a, b] = [b, a];
  const pivot = ids[b]!;
  ids[b] = ids[high - 1]!;
  ids[high - 1] = pivot;
  return pivot;
}
