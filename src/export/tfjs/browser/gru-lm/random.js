/**
 * Seeded random numbers, the same as gru-lm's: xoshiro128** 1.1 (D. Blackman and S. Vigna, "Scrambled linear
 * pseudorandom number generators", 2021), seeded by splitmix32.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */

const TWO_TO_32 = 0x1_0000_0000;

export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** @param {number} seed any safe integer */
  constructor(seed) {
    if (!Number.isSafeInteger(seed)) {
      throw new RangeError(`expected a seed that is a whole number up to 2^53, found ${seed}`);
    }
    const high = Math.floor(seed / TWO_TO_32) >>> 0;
    let state = (seed >>> 0) ^ mix32(high);
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      return mix32(state);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next() ^ high;
    this.#d = next();
    // The one state that the generator cannot leave.
    if ((this.#a | this.#b | this.#c | this.#d) === 0) this.#a = 1;
  }

  /** @returns {number} in [0, 1), a multiple of 2^-53 */
  uniform() {
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  #next() {
    const b = this.#b;
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= b << 9;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }
}

/** MurmurHash3's 32-bit finaliser. @param {number} value */
function mix32(value) {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
