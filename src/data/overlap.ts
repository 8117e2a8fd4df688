/**
 * Whether held-out text also stands in the training text, where a model would know it by heart.
 *
 * Passages of the held-out tokens are looked for in the training tokens by a rolling hash
 * (R. M. Karp and M. O. Rabin, Efficient randomized pattern-matching algorithms, 1987); what it finds
 * is compared token by token.
 */
import type { TokenSequence } from './token-sequence.ts';

/** How many passages were looked for, and found. */
export type OverlapFigures = { readonly probed: number; readonly found: number };

/** Passages that are looked for, and tokens of each. */
const PASSAGES = 1000;
const LENGTH = 64;
/** An odd number, so that every token counts whatever its distance. */
const BASE = 0x9e3779b1 | 0;
const FILTER_BITS = 16;
const READ_TOKENS = 1 << 18;

/** How many of up to {@link PASSAGES} passages of `heldOut`, evenly spread, `training` also has. */
export async function findOverlap(
  heldOut: TokenSequence,
  training: TokenSequence,
  {
    passages = PASSAGES,
    length = LENGTH,
    pause = () => new Promise<void>((resolve) => setImmediate(resolve)),
  }: {
    passages?: number;
    /** Tokens of a passage. */
    length?: number;
    /** Awaited now and then. */
    pause?: () => Promise<void>;
  } = {},
): Promise<OverlapFigures> {
  const probe = new Probe(pickPassages(heldOut, passages, length), length);
  // Each block begins with what the last one ended with, so that no passage is cut.
  for (let start = 0; start + length <= training.length; start += READ_TOKENS) {
    const end = Math.min(training.length, start + READ_TOKENS + length - 1);
    const ids = new Int32Array(end - start);
    training.read(start, ids);
    probe.scan(ids);
    if (probe.isDone) break;
    await pause();
  }
  return probe.figures();
}

/** Passages that do not overlap and are more than one token again and again. */
function pickPassages(tokens: TokenSequence, most: number, length: number): Int32Array[] {
  const count = Math.min(most, Math.floor(tokens.length / length));
  const passages: Int32Array[] = [];
  for (let i = 0; i < count; i += 1) {
    const ids = new Int32Array(length);
    tokens.read(Math.floor((i * (tokens.length - length)) / Math.max(1, count - 1)), ids);
    if (ids.some((id) => id !== ids[0])) passages.push(ids);
  }
  return passages;
}

class Probe {
  readonly #length: number;
  readonly #passages: readonly Int32Array[];
  /** The passages of each hash. */
  readonly #byHash = new Map<number, number[]>();
  /** Whether a passage may have a hash with these low bits. */
  readonly #filter = new Uint8Array(1 << FILTER_BITS);
  readonly #found = new Set<number>();

  constructor(passages: readonly Int32Array[], length: number) {
    this.#passages = passages;
    this.#length = length;
    for (const [i, passage] of passages.entries()) {
      const hash = hashOf(passage, 0, length);
      this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), i]);
      this.#filter[slotOf(hash)] = 1;
    }
  }

  get isDone(): boolean {
    return this.#found.size === this.#passages.length;
  }

  figures(): OverlapFigures {
    return { probed: this.#passages.length, found: this.#found.size };
  }

  /** Looks at every place of `ids` where a passage has room. */
  scan(ids: Int32Array): void {
    const length = this.#length;
    const filter = this.#filter;
    if (ids.length < length) return;
    let weight = 1;
    for (let i = 1; i < length; i += 1) weight = Math.imul(weight, BASE);
    let hash = hashOf(ids, 0, length);
    for (let start = 0; ; start += 1) {
      if (filter[slotOf(hash)] !== 0) this.#compare(ids, start, hash);
      if (start + length >= ids.length) return;
      hash = Math.imul(hash - Math.imul(ids[start]! + 1, weight), BASE) + ids[start + length]! + 1;
      hash |= 0;
    }
  }

  #compare(ids: Int32Array, start: number, hash: number): void {
    for (const i of this.#byHash.get(hash) ?? []) {
      if (this.#passages[i]!.every((id, t) => ids[start + t] === id)) this.#found.add(i);
    }
  }
}

/** Σ (id + 1) · BASE^(length − 1 − t), in 32 bits. */
function hashOf(ids: Int32Array, start: number, length: number): number {
  let hash = 0;
  for (let t = 0; t < length; t += 1) hash = (Math.imul(hash, BASE) + ids[start + t]! + 1) | 0;
  return hash;
}

function slotOf(hash: number): number {
  return hash >>> (32 - FILTER_BITS);
}
