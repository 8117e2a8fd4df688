/**
 * Chooses the next token from what a model says of it, as `gru-lm sample` does.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */

/**
 * @typedef {object} ChoiceOptions
 * @property {number} [temperature] scores are divided by it: below 1 likelier text, above 1 more surprising;
 *   default 0.8
 * @property {number} [topK] only the K likeliest tokens; 0, the default: all
 * @property {number} [topP] only the likeliest tokens that add up to this probability, after `topK`; default 1
 * @property {boolean} [greedy] always the likeliest token; default false
 */

export class TokenChooser {
  #temperature;
  #topK;
  #topP;
  #greedy;
  #banned;
  /** By id. */
  #weights = new Float64Array();
  #keys = new Float64Array();
  #ids = new Int32Array();
  #order = new Int32Array();

  /**
   * @param {ChoiceOptions} [options]
   * @param {number} [banned] an id that is never chosen, such as that of unknown tokens
   */
  constructor({ temperature = 0.8, topK = 0, topP = 1, greedy = false } = {}, banned = -1) {
    if (!(temperature > 0))
      throw new RangeError(`expected a temperature above 0, found ${temperature}`);
    if (!(topK >= 0)) throw new RangeError(`expected topK of at least 0, found ${topK}`);
    if (!(topP > 0)) throw new RangeError(`expected topP above 0, found ${topP}`);
    this.#temperature = temperature;
    this.#topK = topK;
    this.#topP = topP;
    this.#greedy = greedy;
    this.#banned = banned;
  }

  /**
   * @param {ArrayLike<number>} scores [V]: logits, or the logarithms of probabilities
   * @param {number} place in [0, 1): where to draw; the same place gives the same token
   * @returns {number} the id
   */
  choose(scores, place) {
    const best = this.#likeliest(scores);
    if (this.#greedy) return best;
    const ids = this.#shortlist(scores, scores[best]);
    const weights = this.#weights;
    let sum = 0;
    for (const id of ids) sum += weights[id];
    let left = place * sum;
    let last = ids[0];
    for (const id of ids) {
      if (weights[id] === 0) continue;
      left -= weights[id];
      if (left < 0) return id;
      last = id;
    }
    return last;
  }

  /** @param {ArrayLike<number>} scores */
  #likeliest(scores) {
    let best = this.#banned === 0 ? 1 : 0;
    for (let id = best + 1; id < scores.length; id += 1) {
      if (scores[id] > scores[best] && id !== this.#banned) best = id;
    }
    return best;
  }

  /**
   * The ids that may be chosen, in rising order, with their weights in `#weights`.
   *
   * @param {ArrayLike<number>} scores
   * @param {number} highest of them
   */
  #shortlist(scores, highest) {
    if (this.#ids.length < scores.length) this.#grow(scores.length);
    const [ids, weights, keys] = [this.#ids, this.#weights, this.#keys];
    let size = 0;
    for (let id = 0; id < scores.length; id += 1) {
      const score = (scores[id] - highest) / this.#temperature;
      if (id === this.#banned || score === Number.NEGATIVE_INFINITY) continue;
      weights[id] = Math.exp(score);
      keys[id] = -score;
      ids[size] = id;
      size += 1;
    }
    if (this.#topK > 0 && this.#topK < size) size = this.#keepFirst(size, undefined, this.#topK);
    if (this.#topP < 1) {
      let sum = 0;
      for (let i = 0; i < size; i += 1) sum += weights[ids[i]];
      size = this.#keepFirst(size, weights, this.#topP * sum);
    }
    return ids.subarray(0, size);
  }

  /**
   * Leaves the smallest set of the likeliest among the first `size` ids whose weights add up to `wanted`.
   *
   * @param {number} size
   * @param {Float64Array | undefined} weights by id; without them each counts as 1
   * @param {number} wanted
   * @returns {number} how many they are
   */
  #keepFirst(size, weights, wanted) {
    const [ids, keys] = [this.#ids, this.#keys];
    this.#order.set(ids.subarray(0, size));
    const boundary = boundaryOf(this.#order.subarray(0, size), keys, weights, wanted);
    const key = keys[boundary];
    let kept = 0;
    for (let i = 0; i < size; i += 1) {
      const id = ids[i];
      if (keys[id] < key || (keys[id] === key && id <= boundary)) {
        ids[kept] = id;
        kept += 1;
      }
    }
    return kept;
  }

  /** @param {number} size */
  #grow(size) {
    this.#weights = new Float64Array(size);
    this.#keys = new Float64Array(size);
    this.#ids = new Int32Array(size);
    this.#order = new Int32Array(size);
  }
}

/**
 * Of the ids that come first by `keys`, the last that is needed for their weights to add up to `wanted`; of
 * equal keys the lower id comes first. It is quickselect by weight: nothing is sorted.
 *
 * @param {Int32Array} ids distinct; they come back in another order
 * @param {Float64Array} keys by id
 * @param {Float64Array | undefined} weights by id; without them each counts as 1
 * @param {number} wanted above 0
 */
function boundaryOf(ids, keys, weights, wanted) {
  let [low, high, left] = [0, ids.length, wanted];
  while (high - low > 1) {
    const pivot = takePivot(ids, keys, low, high);
    const key = keys[pivot];
    let end = low;
    let sum = 0;
    for (let i = low; i < high - 1; i += 1) {
      const id = ids[i];
      if (keys[id] < key || (keys[id] === key && id < pivot)) {
        ids[i] = ids[end];
        ids[end] = id;
        end += 1;
        sum += weights ? weights[id] : 1;
      }
    }
    if (end > low && sum >= left) {
      high = end;
      continue;
    }
    left -= sum + (weights ? weights[pivot] : 1);
    ids[high - 1] = ids[end];
    ids[end] = pivot;
    if (left <= 0 || end + 1 === high) return pivot;
    low = end + 1;
  }
  return ids[low];
}

/**
 * Puts the middle one of three ids of [low, high) at its end.
 *
 * @param {Int32Array} ids
 * @param {Float64Array} keys
 * @param {number} low
 * @param {number} high
 */
function takePivot(ids, keys, low, high) {
  const comesFirst = (/** @type {number} */ a, /** @type {number} */ b) =>
    keys[ids[a]] < keys[ids[b]] || (keys[ids[a]] === keys[ids[b]] && ids[a] < ids[b]);
  let [a, b, c] = [low, (low + high) >>> 1, high - 1];
  if (comesFirst(b, a)) [a, b] = [b, a];
  if (comesFirst(c, b)) [b, c] = [c, b];
  if (comesFirst(b, a)) [a, b] = [b, a];
  const pivot = ids[b];
  ids[b] = ids[high - 1];
  ids[high - 1] = pivot;
  return pivot;
}
