/** The options of `gru-lm sample` that say how tokens are chosen, for a model's tokens. */
import type { SampleOptions } from '../config/sample.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { quoted, UserError } from '../errors.ts';
import type { ChoiceOptions } from './choose-token.ts';
import { namedTokens } from './named-tokens.ts';

type ChoosingOptions = Pick<
  SampleOptions,
  | ('temperature' | 'topK' | 'topP' | 'minP' | 'typical' | 'greedy')
  | ('repetitionPenalty' | 'repetitionWindow' | 'logitBias' | 'ban')
>;

/**
 * What the options come to.
 *
 * @throws UserError `usage` for what is no token or no number, and where no token would be left
 */
export function choiceOf(options: ChoosingOptions, tokenizer: Tokenizer): ChoiceOptions {
  const { temperature, topK, topP, minP, typical, greedy } = options;
  const { repetitionPenalty, repetitionWindow } = options;
  const biases = (options.logitBias ?? []).map((typed) => parseBias(typed));
  const named = namedTokens(
    tokenizer,
    biases.map(({ name }) => name),
    'logit-bias',
  );
  const bias = new Map(named.map((id, i) => [id, biases[i]!.nats]));
  for (const id of bannedTokens(options, tokenizer)) bias.set(id, Number.NEGATIVE_INFINITY);
  return {
    ...{ temperature, topK, topP, minP, typical, greedy },
    ...{ repetitionPenalty, repetitionWindow, bias },
  };
}

/** The ids that --ban names; errors as for {@link choiceOf}. */
export function bannedTokens(
  { ban = [] }: Pick<SampleOptions, 'ban'>,
  tokenizer: Tokenizer,
): Set<number> {
  const banned = new Set(namedTokens(tokenizer, ban, 'ban'));
  const never = tokenizer.unknownId === undefined ? 0 : 1;
  if (banned.size + never < tokenizer.vocabularySize) return banned;
  throw new UserError(
    'usage',
    `--ban: expected a token that is left to choose, found all ${banned.size} banned`,
    'Ban fewer tokens.',
  );
}

/** The token and the number of `TOKEN=F`; the token may have a = in it. */
function parseBias(typed: string): { name: string; nats: number } {
  const at = typed.lastIndexOf('=');
  const [name, number] = [typed.slice(0, at), typed.slice(at + 1)];
  const nats = number.trim() === '' ? Number.NaN : Number(number);
  if (at > 0 && Number.isFinite(nats)) return { name, nats };
  throw new UserError(
    'usage',
    `--logit-bias: expected a token and a number as in the=-1.5, found ${quoted(typed)}`,
    'Give what is added to the logarithm of the token’s probability; --ban TOKEN rules one out.',
  );
}
