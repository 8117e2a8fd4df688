import { turnEventLoop } from '../event-loop.ts';

/** Token ids to be read in windows, wherever they are kept. */
export interface TokenSequence {
  /** The number of tokens. */
  readonly length: number;
  /**
   * Fills `target` with the tokens from `start` on. The `pass` over the text, counted from 0, makes a difference
   * to sequences that are to train on: see `unknowns.ts`.
   *
   * Throws RangeError unless all of them lie within the sequence.
   */
  read(start: number, target: Int32Array, pass?: number): void;
}

/** Tokens gone through at a time: no signal waits longer. */
const BLOCK_TOKENS = 1 << 15;

export interface WalkOptions {
  /** Called now and then with the share of the tokens that was gone through, in [0, 1]. */
  onProgress?: ((share: number) => void) | undefined;
  /** Its reason is thrown once it is aborted. */
  signal?: AbortSignal | undefined;
}

/** All tokens in order, each block of `blockTokens` in an array of its own, with pauses for other work. */
export async function* blocksOf(
  tokens: TokenSequence,
  { onProgress, signal }: WalkOptions = {},
  blockTokens = BLOCK_TOKENS,
): AsyncGenerator<Int32Array, void, void> {
  signal?.throwIfAborted();
  for (let start = 0; start < tokens.length; start += blockTokens) {
    const ids = new Int32Array(Math.min(blockTokens, tokens.length - start));
    tokens.read(start, ids);
    yield ids;
    onProgress?.((start + ids.length) / tokens.length);
    await turnEventLoop(signal);
  }
}

/** A sequence in memory. */
export class TokenArray implements TokenSequence {
  readonly length: number;
  private readonly ids: Int32Array | Uint16Array;

  constructor(ids: Int32Array | Uint16Array) {
    this.ids = ids;
    this.length = ids.length;
  }

  read(start: number, target: Int32Array): void {
    assertWindow(this, start, target.length);
    target.set(this.ids.subarray(start, start + target.length));
  }
}

/** Throws RangeError unless `[start, start + count)` lies within `sequence`. */
export function assertWindow(sequence: TokenSequence, start: number, count: number): void {
  if (!Number.isInteger(start) || start < 0 || start + count > sequence.length) {
    throw new RangeError(
      `expected a window within ${sequence.length} tokens, found [${start}, ${start + count})`,
    );
  }
}

/** The `length` tokens of `sequence` from `start` on; throws RangeError unless they lie within it. */
export function sliceOf(sequence: TokenSequence, start: number, length: number): TokenSequence {
  assertWindow(sequence, start, length);
  const slice: TokenSequence = {
    length,
    read(from, target) {
      assertWindow(slice, from, target.length);
      sequence.read(start + from, target);
    },
  };
  return slice;
}

/** The tokens of all `sequences` as one. */
export function concatenated(sequences: readonly TokenSequence[]): TokenSequence {
  const starts: number[] = [];
  let length = 0;
  for (const sequence of sequences) {
    starts.push(length);
    length += sequence.length;
  }
  const whole: TokenSequence = {
    length,
    read(start, target) {
      assertWindow(whole, start, target.length);
      for (const [i, sequence] of sequences.entries()) {
        const from = Math.max(start, starts[i]!);
        const to = Math.min(start + target.length, starts[i]! + sequence.length);
        if (from < to) sequence.read(from - starts[i]!, target.subarray(from - start, to - start));
      }
    },
  };
  return whole;
}
