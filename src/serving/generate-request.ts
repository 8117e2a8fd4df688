/** What `POST /api/generate` is asked with: the options of `gru-lm sample`, by the names that they have in code. */
import { sampleOptions } from '../config/sample.ts';
import { UserError } from '../errors.ts';
import type { ChoiceOptions } from '../generation/choose-token.ts';
import { choiceOf } from '../generation/sample-choice.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { badField } from './api-error.ts';
import { newSeed, readStops } from './completion-request.ts';
import type { Limits } from './limits.ts';
import { type ReadPrompt, readPrompt } from './prompts.ts';
import { assertWhole, type Fields } from './request-body.ts';
import type { ServedModel } from './served-model.ts';

export interface GenerateRequest {
  prompt: ReadPrompt;
  length: number;
  stop: string[];
  choice: ChoiceOptions;
  seed: number;
  /** Likeliest tokens to tell of each place. */
  alternatives: number;
}

export const MOST_ALTERNATIVES = 20;
const DEFAULT_ALTERNATIVES = 5;
const MOST_NAMED = 1024;

/** The options that a request may have, in the order in which the playground shows them. */
export function servedOptions(limits: Pick<Limits, 'tokens'>) {
  const { length, temperature, topK, topP, minP, typical, repetitionPenalty } = sampleOptions;
  const { repetitionWindow, greedy, seed, stop, logitBias, ban } = sampleOptions;
  return {
    length: { ...length, default: Math.min(length.default, limits.tokens), max: limits.tokens },
    ...{ temperature, topK, topP, minP, typical, repetitionPenalty, repetitionWindow, greedy },
    ...{ seed, stop, logitBias, ban },
  } as const;
}

/** @throws ApiError 400 for what is not as it should be */
export function generateRequest(
  fields: Fields,
  { tokenizer }: ServedModel,
  limits: Limits,
): GenerateRequest {
  const table = servedOptions(limits);
  const given: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    if (name === 'stop') given.stop = readStops(fields.take('stop'));
    else given[name] = fields.option(name, spec);
  }
  const options = withDefaults(table, given as GivenOptions<typeof table>);
  for (const name of ['logitBias', 'ban'] as const) {
    const named = options[name] ?? [];
    if (named.length > MOST_NAMED) {
      throw badField(name, `expected at most ${MOST_NAMED} tokens, found ${named.length}`);
    }
    for (const text of named) assertWhole(name, text);
  }
  const alternatives = fields.integer('alternatives', { min: 0, max: MOST_ALTERNATIVES });
  const prompt = readPrompt(tokenizer, fields.text('prompt') ?? '', limits.promptTokens);
  fields.assertEmpty();
  return {
    prompt,
    length: options.length,
    stop: options.stop ?? [],
    choice: withFieldNames(() => choiceOf(options, tokenizer)),
    seed: options.seed ?? newSeed(),
    alternatives: alternatives ?? DEFAULT_ALTERNATIVES,
  };
}

/** Errors about the options of the command line, in the words of a request. */
function withFieldNames<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const about = error instanceof UserError && /^--([\w-]+): (.*)/s.exec(error.message);
    if (!about) throw error;
    const [, flag = '', message = ''] = about;
    throw badField(flag === 'logit-bias' ? 'logitBias' : flag, message);
  }
}
