/** What the options of the attention mean together. */
import { UserError } from '../errors.ts';

interface AttentionOptions {
  attention: boolean;
  attentionSpan: number;
  layers: number;
}

/**
 * Makes sure that what is given of a new model's attention goes together.
 *
 * @param isSpanGiven whether the user said how far back it looks
 * @throws UserError `usage` naming the options
 */
export function assertAttentionOptions(
  { attention, attentionSpan, layers }: AttentionOptions,
  isSpanGiven: boolean,
): void {
  if (isSpanGiven && !attention) {
    throw new UserError(
      'usage',
      `expected --attention-span with --attention alone, found --attention-span ${attentionSpan} without`,
      'Add --attention, or leave out --attention-span.',
    );
  }
  if (attention && layers < 2) {
    throw new UserError(
      'usage',
      `--attention: expected at least 2 layers, found ${layers}`,
      'A layer attends to what the one below it made: give --layers 2 or more, or leave out --attention.',
    );
  }
}
