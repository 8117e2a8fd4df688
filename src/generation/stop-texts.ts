import { toLowercase } from '../data/lowercase.ts';
import type { Tokenizer } from '../data/tokenizer-types.ts';

/** Stop texts as they can come: in lowercase where all text is. */
export function stopTextsFor(
  { kind, lowercase }: Pick<Tokenizer, 'kind' | 'lowercase'>,
  stop: readonly string[] = [],
): readonly string[] {
  if (!lowercase) return stop;
  const lower = stop.map(toLowercase);
  // The names of tokens in a file may be shown, and be in capitals.
  return kind === 'file' ? [...new Set([...stop, ...lower])] : lower;
}

/**
 * Ends a text before the first of some stop texts that is complete, wherever the pieces of it begin and end.
 * Of several that are complete with the same character, the longest counts.
 */
export class StopTexts {
  readonly #stops: readonly string[];
  /** Text that may turn out to begin a stop text. */
  #held: string;

  /** @param held text before the first piece, of which nothing was shown */
  constructor(stops: readonly string[] = [], held = '') {
    this.#stops = stops;
    this.#held = held;
  }

  /** The text that is certain after one more piece, and whether a stop text has ended it. */
  push(piece: string): { text: string; stopped: boolean } {
    const all = this.#held + piece;
    const cut = this.#firstComplete(all);
    if (cut !== undefined) {
      this.#held = '';
      return { text: all.slice(0, cut), stopped: true };
    }
    const hold = Math.max(0, ...this.#stops.map((stop) => beginningAtEnd(all, stop)));
    this.#held = all.slice(all.length - hold);
    return { text: all.slice(0, all.length - hold), stopped: false };
  }

  /** The text that is held back, which from now on is not. */
  takeHeld(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** Where the stop text begins that is complete first. */
  #firstComplete(text: string): number | undefined {
    let cut: number | undefined;
    let end = Number.POSITIVE_INFINITY;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at < 0) continue;
      if (at + stop.length < end || (at + stop.length === end && at < cut!)) {
        [cut, end] = [at, at + stop.length];
      }
    }
    return cut;
  }
}

/** The length of the longest beginning of `stop`, but not all of it, with which `text` ends. */
function beginningAtEnd(text: string, stop: string): number {
  let length = Math.min(stop.length - 1, text.length);
  while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length -= 1;
  return length;
}
