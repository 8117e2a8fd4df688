import { UserError } from '../errors.ts';
import type { GivenOptions } from '../option-table.ts';
import { tokenizerOptions } from './shared.ts';

type Given = GivenOptions<typeof tokenizerOptions>;

/** What each kind of tokenizer has no use for. */
const USELESS: Record<NonNullable<Given['tokenizer']>, readonly (keyof Given)[]> = {
  char: ['wordSplit'],
  word: [],
  bpe: ['wordSplit'],
  byte: ['vocabularySize', 'minCount', 'lowercase', 'wordSplit'],
};

/** What of a preset's options the tokenizer that is chosen has a use for. */
export function withoutUseless<Options extends Given>(preset: Options, given: Given): Options {
  const useless = uselessNames({ ...preset, ...given });
  return Object.fromEntries(
    Object.entries(preset).filter(([name]) => !useless.includes(name as keyof Given)),
  ) as Options;
}

function uselessNames({ tokenizer, tokenizerFile }: Given): readonly (keyof Given)[] {
  return tokenizerFile
    ? (Object.keys(tokenizerOptions) as (keyof Given)[]).filter((name) => name !== 'tokenizerFile')
    : USELESS[tokenizer ?? tokenizerOptions.tokenizer.default];
}

/**
 * Makes sure that no option is given that the tokenizer would ignore.
 *
 * @param usual the kind of tokenizer if none is given
 * @throws UserError `usage` naming the option
 */
export function assertTokenizerOptions(
  given: Given,
  usual: NonNullable<Given['tokenizer']> = tokenizerOptions.tokenizer.default,
): void {
  const tokenizer = given.tokenizer ?? usual;
  for (const name of uselessNames({ ...given, tokenizer })) {
    if (given[name] === undefined || given[name] === false) continue;
    const { flag } = tokenizerOptions[name];
    throw new UserError(
      'usage',
      given.tokenizerFile
        ? `expected at most one of --tokenizer-file and --${flag}, found both`
        : `expected no --${flag} with --tokenizer ${tokenizer}, which has no use for it, found one`,
      `Leave out --${flag}${given.tokenizerFile ? ': the file says what tokens are' : ''}.`,
    );
  }
}
