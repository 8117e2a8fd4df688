import type { TokenDecoder } from '../tokenizer-types.ts';

const REPLACEMENT = '\ufffd';
/** Tokens that may be held back: even where each is a byte, so many make a character, or none. */
const HELD_TOKENS = 8;

/**
 * Decodes each id together with a few before it, since what a token is as text may depend on them, and
 * gives what it adds. Text that ends in U+FFFD may be half a character, and waits for the next ids.
 */
export class WindowDecoder implements TokenDecoder {
  private readonly decode: (ids: readonly number[]) => string;
  /** The text of the first `given` ids was given. */
  private ids: number[] = [];
  private given = 0;

  constructor(decode: (ids: readonly number[]) => string) {
    this.decode = decode;
  }

  push(id: number): string {
    this.ids.push(id);
    const added = this.added();
    const isUncertain = added === '' || added.endsWith(REPLACEMENT);
    if (isUncertain && this.ids.length - this.given < HELD_TOKENS) {
      return '';
    }
    this.ids = this.ids.slice(this.given);
    this.given = this.ids.length;
    return added;
  }

  end(): string {
    const added = this.added();
    this.ids = [];
    this.given = 0;
    return added;
  }

  private added(): string {
    const before = this.decode(this.ids.slice(0, this.given));
    const text = this.decode(this.ids);
    // Half a character that was given up stays U+FFFD, though the rest of it may come.
    return text.startsWith(before)
      ? text.slice(before.length)
      : this.decode(this.ids.slice(this.given));
  }
}
