/** Makes text: a model that reads a prompt and goes on from it, token by token. */
import type { Tokenizer } from '../data/tokenizer.ts';
import type { Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { Random } from '../random.ts';
import { type ChoiceOptions, TokenChooser } from './choose-token.ts';
import { Passage } from './passage.ts';
import { afterPrompt } from './text-model.ts';
import type { GeneratedPiece, StreamOptions } from './text-stream.ts';

export interface GenerateOptions extends ChoiceOptions, StreamOptions {}

/**
 * Goes on from a prompt: the pieces of {@link Passage.go} to the end. Stopping the iteration early releases
 * what the generator holds.
 *
 * @param prompt token ids to read first; none: as at the start of a line
 */
export function* generate(
  config: ModelConfig,
  weights: Weights,
  tokenizer: Tokenizer,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
  random: Random,
): Generator<GeneratedPiece, void, void> {
  const passage = new Passage({ config, weights, tokenizer }, afterPrompt(tokenizer, prompt));
  try {
    yield* passage.go(new TokenChooser(options, tokenizer.unknownId), options, random);
  } finally {
    passage.dispose();
  }
}
