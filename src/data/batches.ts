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
}

/** One window of every stream; the arrays belong to the receiver. */
export interface Batch {
  /** `[T·B]`, time-major: step t of stream b is at t·B + b. */
  readonly inputs: Int32Array;
  /** `[T·B]`, the token after each input. */
  readonly targets: Int32Array;
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
};

export class StatefulBatches {
  /** The same for every epoch, so that steps can be counted ahead. */
  readonly windowsPerEpoch: number;
  private readonly tokens: TokenSequence;
  private readonly batchSize: number;
  private readonly steps: number;
  private readonly randomOffset: Random | undefined;
  /** Inputs of each stream: stream b reads token b·n to token (b+1)·n, the last as a target only. */
  private readonly streamLength: number;
  private readonly largestOffset: number;
  /** `[T + 1]`, a window of one stream and the token after it. */
  private readonly window: Int32Array;
  private epoch = 0;
  private position = 0;
  private offset = 0;

  /**
   * @param tokens at least B·T + 1 of them; throws a UserError (`corpus-too-short`) otherwise and
   * RangeError for sizes that are not positive whole numbers.
   */
  constructor(tokens: TokenSequence, { batchSize, steps, randomOffset }: BatchOptions) {
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
    this.streamLength = Math.floor((tokens.length - 1) / batchSize);
    this.largestOffset =
      randomOffset === undefined ? 0 : Math.min(steps - 1, this.streamLength - steps);
    this.windowsPerEpoch = Math.floor((this.streamLength - this.largestOffset) / steps);
    this.window = new Int32Array(steps + 1);
  }

  /** The next window of every stream; after an epoch's last window, the next epoch's first. */
  next(): Batch {
    if (this.position === this.windowsPerEpoch) {
      this.epoch += 1;
      this.position = 0;
    }
    if (this.position === 0) {
      this.offset = this.randomOffset?.integer(this.largestOffset + 1) ?? 0;
    }
    const { tokens, window, batchSize, steps, streamLength } = this;
    const first = this.offset + this.position * steps;
    const inputs = new Int32Array(steps * batchSize);
    const targets = new Int32Array(steps * batchSize);
    for (let b = 0; b < batchSize; b += 1) {
      tokens.read(b * streamLength + first, window);
      for (let t = 0; t < steps; t += 1) {
        inputs[t * batchSize + b] = window[t]!;
        targets[t * batchSize + b] = window[t + 1]!;
      }
    }
    const startsEpoch = this.position === 0;
    this.position += 1;
    return { inputs, targets, startsEpoch, epoch: this.epoch };
  }

  /**
   * Which window comes next. An epoch's offset is drawn with its first window: with the state of
   * `randomOffset` at this moment, the cursor determines all that follows.
   */
  cursor(): BatchCursor {
    return { epoch: this.epoch, position: this.position, offset: this.offset };
  }

  /**
   * Goes on from `cursor`, taken over the same tokens with the same sizes; throws a UserError
   * (`checkpoint-cursor`) that names the field that does not fit.
   */
  restore(cursor: BatchCursor): void {
    this.epoch = checkCursor(cursor, 'epoch', Number.MAX_SAFE_INTEGER);
    this.position = checkCursor(cursor, 'position', this.windowsPerEpoch);
    this.offset = checkCursor(cursor, 'offset', this.largestOffset);
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
