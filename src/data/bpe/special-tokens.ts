import { END_OF_TEXT_TOKEN } from '../tokenizer-types.ts';

/** What tokenizers call the end of a text, the first name that one has. */
const END_OF_TEXT_NAMES = [END_OF_TEXT_TOKEN, '<|end_of_text|>', '</s>', '<eos>', '[SEP]'];

/** The id of the end of text among special tokens, by id. */
export function findEndOfText(specialTokens: ReadonlyMap<number, string>): number | undefined {
  const ids = new Map(Array.from(specialTokens, ([id, name]) => [name, id]));
  const name = END_OF_TEXT_NAMES.find((candidate) => ids.has(candidate));
  return name === undefined ? undefined : ids.get(name);
}
