/** Token ids to be read in windows, wherever they are kept. */
export interface TokenSequence {
  /** The number of tokens. */
  readonly length: number;
  /**
   * Fills `target` with the tokens from `start` on.
   *
   * Throws RangeError unless all of them lie within the sequence.
   */
  read(start: number, target: Int32Array): void;
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
