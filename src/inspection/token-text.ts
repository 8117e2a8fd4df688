/** Tokens as text that can be looked at, each by itself. */
import type { Tokenizer } from '../data/tokenizer.ts';
import { showToken } from '../data/vocabulary.ts';

export interface TokenText {
  /** What stands before it in the text though it is no part of the token: the space between two words. */
  lead: string;
  /**
   * The token's own text with every character visible but space, line end and tab; its name, such as `<unk>` or
   * `\xc3`, where it is no whole text. Never empty.
   */
  text: string;
}

/** The texts of tokens that follow each other. */
export function tokenTexts(tokenizer: Tokenizer, ids: ArrayLike<number>): TokenText[] {
  const decoder = tokenizer.decoder();
  return Array.from(ids, (id) => {
    const inText = decoder.push(id);
    const alone = tokenizer.decode([id]);
    const hasName = alone === '' || alone.includes('\ufffd') || id === tokenizer.unknownId;
    const lead = alone !== '' && inText.endsWith(alone) ? inText.slice(0, -alone.length) : '';
    // A space before a word is no part of it; anything else that is held back until now is another token's.
    return {
      lead: lead.trim() === '' ? lead : '',
      text: hasName ? tokenizer.token(id) : visible(alone),
    };
  });
}

/** Escapes, as in a token's name, for what does not show or steers what is around it. */
function visible(text: string): string {
  return text.replace(/(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/gu, showToken);
}
