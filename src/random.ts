/**
 * Seeded random numbers: xoshiro128** 1.1, seeded by splitmix32.
 *
 * xoshiro128** is D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM
 * Transactions on Mathematical Software 47(4), 2021 (https://prng.di.unimi.it/xoshiro128starstar.c,
 * public domain). The seeder follows their advice to fill the state with a splitmix generator; its
 * 32-bit finaliser is MurmurHash3's. Normal deviates are Marsaglia's polar method.
 */

import { UserError } from './errors.ts';

/** Everything that a generator holds: two generators of equal state give equal numbers for ever. */
export type RandomState = {
  readonly algorithm: 'xoshiro128**';
  /** The four 32-bit words of the state, unsigned, not all zero. */
  readonly words: readonly [number, number, number, number];
  /** The second deviate of the last pair that `normal()` made, not yet handed out. */
  readonly spareNormal: number | null;
};

const TWO_TO_32 = 0x1_0000_0000;
const GOLDEN_GAMMA = 0x9e3779b9;

export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private d = 0;
  private spareNormal: number | null = null;

  /** @param seed any safe integer; throws RangeError otherwise. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) {
      throw new RangeError(`expected a seed that is a whole number up to 2^53, found ${seed}`);
    }
    const low = seed >>> 0;
    const high = Math.floor(seed / TWO_TO_32) >>> 0;
    this.setWords(low ^ mix32(high), high);
  }

  /** A generator that goes on exactly where the one that gave `state` stood. */
  static fromState(state: unknown): Random {
    const valid = parseRandomState(state);
    const random = new Random(0);
    [random.a, random.b, random.c, random.d] = valid.words.map((word) => word | 0) as [
      number,
      number,
      number,
      number,
    ];
    random.spareNormal = valid.spareNormal;
    return random;
  }

  /** The complete state, which survives JSON unchanged. */
  state(): RandomState {
    return {
      algorithm: 'xoshiro128**',
      words: [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.d >>> 0],
      spareNormal: this.spareNormal,
    };
  }

  /**
   * A generator of its own for the use that `label` names.
   *
   * It depends on this generator's present state and the label, and leaves this generator as it was:
   * forks of one state under different labels are unrelated, under one label they are equal.
   */
  fork(label: string): Random {
    let hash = 0x811c9dc5;
    for (let i = 0; i < label.length; i += 1) {
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    }
    const child = new Random(0);
    let seed = mix32(hash ^ label.length);
    for (const word of [this.a, this.b, this.c, this.d]) {
      seed = mix32((seed + GOLDEN_GAMMA) ^ word);
    }
    child.setWords(seed, this.b ^ this.c);
    return child;
  }

  /** A whole number in [0, 2^32). */
  nextUint32(): number {
    const { b } = this;
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    this.c ^= this.a;
    this.d ^= b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= b << 9;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  /** A number from the normal distribution of mean 0 and variance 1. */
  normal(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square < 1 && square > 0) {
        const scale = Math.sqrt((-2 * Math.log(square)) / square);
        this.spareNormal = y * scale;
        return x * scale;
      }
    }
  }

  /** A whole number in [0, bound), each equally likely; 1 ≤ bound ≤ 2^32. */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_TO_32) {
      throw new RangeError(`expected a bound that is a whole number in [1, 2^32], found ${bound}`);
    }
    // Draws from the last, incomplete run of `bound` numbers would favour the small results.
    const limit = TWO_TO_32 - (TWO_TO_32 % bound);
    let draw = this.nextUint32();
    while (draw >= limit) {
      draw = this.nextUint32();
    }
    return draw % bound;
  }

  /**
   * Fills `target` with an inverted dropout mask: 0 with probability `rate`, else 1 / (1 - rate).
   *
   * One draw an element; a rate of 0 fills with ones and draws nothing. 0 ≤ rate < 1.
   */
  fillDropoutMask(target: Float32Array, rate: number): void {
    if (!(rate >= 0 && rate < 1)) {
      throw new RangeError(`expected a dropout rate in [0, 1), found ${rate}`);
    }
    if (rate === 0) {
      target.fill(1);
      return;
    }
    const keep = 1 / (1 - rate);
    const threshold = Math.round(rate * TWO_TO_32);
    // The state in local variables, and nextUint32 written out: several times faster.
    let { a, b, c, d } = this;
    for (let i = 0; i < target.length; i += 1) {
      const scrambled = Math.imul(b, 5);
      const draw = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
      // A product, not a branch that would go wrong at random.
      target[i] = keep * Number(draw >= threshold);
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }

  /** Fills the state from 64 bits of seed: `high` of 0 gives splitmix32 of `low` itself. */
  private setWords(low: number, high: number): void {
    const next = splitmix32(low);
    this.a = next();
    this.b = next();
    this.c = next() ^ high;
    this.d = next();
    // The one state that the generator cannot leave.
    if ((this.a | this.b | this.c | this.d) === 0) {
      this.a = 1;
    }
  }
}

/** `value` as a generator's state; throws a UserError that names the field if it is not one. */
function parseRandomState(value: unknown): RandomState {
  const record = (typeof value === 'object' && value !== null ? value : {}) as {
    algorithm?: unknown;
    words?: unknown;
    spareNormal?: unknown;
  };
  if (record.algorithm !== 'xoshiro128**') {
    throw badState('algorithm', '"xoshiro128**"', record.algorithm);
  }
  const { words, spareNormal } = record;
  if (!isWords(words)) {
    throw badState('words', 'four whole numbers in [0, 2^32), not all zero', words);
  }
  if (spareNormal !== null && !(typeof spareNormal === 'number' && Number.isFinite(spareNormal))) {
    throw badState('spareNormal', 'a finite number or null', spareNormal);
  }
  return { algorithm: 'xoshiro128**', words, spareNormal };
}

function isWords(value: unknown): value is [number, number, number, number] {
  return (
    Array.isArray(value) &&
    value.length === 4 &&
    value.every((word) => Number.isInteger(word) && word >= 0 && word < TWO_TO_32) &&
    value.some((word) => word !== 0)
  );
}

function badState(field: string, expected: string, found: unknown): UserError {
  return new UserError(
    'checkpoint-random',
    `random state: expected "${field}" to be ${expected}, found ${JSON.stringify(found)}`,
    'The checkpoint is damaged: use another one.',
  );
}

/** The successive outputs, as signed 32-bit words, of splitmix32 from `seed`. */
function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + GOLDEN_GAMMA) | 0;
    return mix32(state);
  };
}

/** MurmurHash3's 32-bit finaliser: a bijection in which each input bit moves every output bit. */
function mix32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
