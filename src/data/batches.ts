/**
 * Windows of text for truncated backpropagation through time.
 *
 * Shapes: B streams side by side (the batch size), T steps a window.
 *
 * Each stream is one contiguous piece of the text and each window goes on where the last one ended,
 * so the hidden state of a window is the true start of the next.
 */

import { UserError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { TokenSequence } from './token-sequence.ts';

export interface BatchOptions {
  /** B, the number of streams. */
  readonly batchSize: number;
  /** T, the number of steps of a window. */
  readonly steps: number;
  /**
   * Draws for each epoch where its first window begins, in [0, T) as far as the text allows, so that
   * windows are cut elsewhere each time. Without it every epoch begins at the first token.
   */
  readonly randomOffset?: Random | undefined;
  /**
   * The fewest steps of a window, at most T, where `next` is told how many each is to have: an epoch ends
   * when fewer are left. Without it every window has T.
   */
  readonly shortest?: number | undefined;
}

/** One window of every stream; the arrays belong to the receiver. */
export interface Batch {
  /** `[T·B]`, time-major: step t of stream b is at t·B + b. */
  readonly inputs: Int32Array;
  /** `[T·B]`, the token after each input. */
  readonly targets: Int32Array;
  /** T of this window. */
  readonly steps: number;
  /** Whether this is an epoch's first window: the hidden state must be reset before it. */
  readonly startsEpoch: boolean;
  /** The epoch of this window, counted from 0. */
  readonly epoch: number;
}

/** Which window comes next; survives JSON unchanged. */
export type BatchCursor = {
  /** Counted from 0. */
  readonly epoch: number;
  /** Windows of the epoch already given. */
  readonly position: number;
  /** Tokens of each stream that the epoch leaves out at the beginning. */
  readonly offset: number;
  /** Tokens of each stream that the windows given had. Absent where every window has T. */
  readonly taken?: number;
};

export class StatefulBatches {
  /** The same for every epoch, so that steps can be counted ahead; where windows differ, if they had T. */
  readonly windowsPerEpoch: number;
  private readonly tokens: TokenSequence;
  private readonly batchSize: number;
  private readonly steps: number;
  private readonly randomOffset: Random | undefined;
  private readonly shortest: number | undefined;
  /** Inputs of each stream: stream b reads token b·n to token (b+1)·n, the last as a target only. */
  private readonly streamLength: number;
  private readonly largestOffset: number;
  private epoch = 0;
  private position = 0;
  private offset = 0;
  private taken = 0;

  /**
   * @param tokens at least B·T + 1 of them; throws a UserError (`corpus-too-short`) otherwise and
   * RangeError for sizes that are not positive whole numbers.
   */
  constructor(tokens: TokenSequence, { batchSize, steps, randomOffset, shortest }: BatchOptions) {
    for (const [name, value] of Object.entries({ batchSize, steps })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`expected ${name} to be a positive whole number, found ${value}`);
      }
    }
    const needed = batchSize * steps + 1;
    if (tokens.length < needed) {
      throw new UserError(
        'corpus-too-short',
        `expected at least ${needed} tokens of training text (batch size ${batchSize} × ${steps} ` +
          `steps + 1), found ${tokens.length}`,
        'Give --batch-size or --bptt a smaller number, or train on more text.',
      );
    }
    this.tokens = tokens;
    this.batchSize = batchSize;
    this.steps = steps;
    this.randomOffset = randomOffset;
    this.shortest = shortest;
    this.streamLength = Math.floor((tokens.length - 1) / batchSize);
    this.largestOffset =
      randomOffset === undefined ? 0 : Math.min(steps - 1, this.streamLength - steps);
    this.windowsPerEpoch = Math.floor((this.streamLength - this.largestOffset) / steps);
  }

  /**
   * Passes over the text so far, with what of the present one the windows given have gone through.
   */
  get passes(): number {
    if (this.isEpochOver) return this.epoch + 1;
    return this.epoch + (this.position === 0 ? 0 : (this.offset + this.taken) / this.streamLength);
  }

  /**
   * The next window of every stream; after an epoch's last window, the next epoch's first.
   *
   * @param wanted its T, where windows differ: the last one of an epoch has what is left
   */
  next(wanted = this.steps): Batch {
    if (this.isEpochOver) {
      this.epoch += 1;
      this.position = 0;
    }
    if (this.position === 0) {
      this.offset = this.randomOffset?.integer(this.largestOffset + 1) ?? 0;
      this.taken = 0;
    }
    const { tokens, batchSize, streamLength } = this;
    const first = this.offset + this.taken;
    const steps = this.shortest === undefined ? this.steps : Math.min(wanted, streamLength - first);
    const window = new Int32Array(steps + 1);
    const inputs = new Int32Array(steps * batchSize);
    const targets = new Int32Array(steps * batchSize);
    for (let b = 0; b < batchSize; b += 1) {
      tokens.read(b * streamLength + first, window, this.epoch);
      for (let t = 0; t < steps; t += 1) {
        inputs[t * batchSize + b] = window[t]!;
        targets[t * batchSize + b] = window[t + 1]!;
      }
    }
    const startsEpoch = this.position === 0;
    this.position += 1;
    this.taken += steps;
    return { inputs, targets, steps, startsEpoch, epoch: this.epoch };
  }

  private get isEpochOver(): boolean {
    if (this.shortest === undefined) return this.position === this.windowsPerEpoch;
    return this.streamLength - this.offset - this.taken < this.shortest;
  }

  /**
   * Which window comes next. An epoch's offset is drawn with its first window: with the state of
   * `randomOffset` at this moment, the cursor determines all that follows.
   */
  cursor(): BatchCursor {
    const { epoch, position, offset, taken } = this;
    return { epoch, position, offset, ...(this.shortest !== undefined && { taken }) };
  }

  /**
   * Goes on from `cursor`, taken over the same tokens with the same sizes; throws a UserError
   * (`checkpoint-cursor`) that names the field that does not fit.
   */
  restore(cursor: BatchCursor): void {
    this.epoch = checkCursor(cursor, 'epoch', Number.MAX_SAFE_INTEGER);
    const windows = this.shortest === undefined ? this.windowsPerEpoch : this.streamLength;
    this.position = checkCursor(cursor, 'position', windows);
    this.offset = checkCursor(cursor, 'offset', this.largestOffset);
    this.taken =
      this.shortest === undefined
        ? this.position * this.steps
        : checkCursor(cursor, 'taken', this.streamLength - this.offset);
  }
}

function checkCursor(cursor: BatchCursor, field: keyof BatchCursor, largest: number): number {
  const value: unknown = cursor?.[field];
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > largest) {
    throw new UserError(
      'checkpoint-cursor',
      `training.json: expected "progress.cursor.${field}" to be a whole number from 0 to ${largest}, ` +
        `found ${JSON.stringify(value)}`,
      'Resume with the text, --batch-size and --bptt that the run began with.',
    );
  }
  return value as number;
}
