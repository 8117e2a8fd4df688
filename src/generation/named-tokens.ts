/** Tokens as a user names them. */
import type { Tokenizer } from '../data/tokenizer-types.ts';
import { quoted, UserError } from '../errors.ts';

/** Pieces that a message lists. */
const LISTED = 6;

/**
 * The token that each of `names` means: the text itself where that is one token, and otherwise the token as
 * `gru-lm tokenize` shows it, such as `\n`, `\xe2` or `<|endoftext|>`.
 *
 * @param flag what the names were given to, for the message
 * @throws UserError `usage` for a name that is no single token, or that of unknown text, which is never made
 */
export function namedTokens(
  tokenizer: Tokenizer,
  names: readonly string[],
  flag: string,
): number[] {
  let shown: Map<string, number> | undefined;
  return names.map((name) => {
    const ids = tokenizer.encode(name);
    let id = ids.length === 1 && ids[0] !== tokenizer.unknownId ? ids[0] : undefined;
    if (id === undefined) {
      shown ??= shownTokens(tokenizer);
      id = shown.get(name);
    }
    if (id === undefined || id === tokenizer.unknownId) throw noToken(tokenizer, name, ids, flag);
    return id;
  });
}

/** All tokens by how they are shown; of those that are shown alike, the first. */
function shownTokens(tokenizer: Tokenizer): Map<string, number> {
  const shown = new Map<string, number>();
  for (let id = tokenizer.vocabularySize - 1; id >= 0; id--) shown.set(tokenizer.token(id), id);
  return shown;
}

function noToken(tokenizer: Tokenizer, name: string, ids: Int32Array, flag: string): UserError {
  const { unknownId } = tokenizer;
  const pieces = Array.from(ids.subarray(0, LISTED), (id) => `"${tokenizer.token(id)}"`);
  const more = ids.length > LISTED ? ', …' : '';
  const found =
    ids.length === 0
      ? 'which is none'
      : unknownId !== undefined && ids.includes(unknownId)
        ? 'which the model does not know, and so never makes'
        : ids.length === 1
          ? 'which is never made'
          : `which is ${ids.length}: ${pieces.join(', ')}${more}`;
  return new UserError(
    'usage',
    `--${flag}: expected a text that is one token, found ${quoted(name)}, ${found}`,
    'Name one token, as gru-lm tokenize --checkpoint shows them (\\n is a line end).',
  );
}
