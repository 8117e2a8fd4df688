/** What OpenAI's completions are asked with (https://platform.openai.com/docs/api-reference/completions/create). */
import { sampleOptions } from '../config/sample.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { showValue } from '../errors.ts';
import type { ChoiceOptions } from '../generation/choose-token.ts';
import { ApiError, badField } from './api-error.ts';
import type { Limits } from './limits.ts';
import { type ReadPrompt, readPrompts } from './prompts.ts';
import { assertWhole, type Fields } from './request-body.ts';
import type { ServedModel } from './served-model.ts';

export interface CompletionRequest {
  prompts: ReadPrompt[];
  /** Texts of each prompt. */
  samples: number;
  length: number;
  stop: string[];
  choice: ChoiceOptions;
  /** Of the first text of each prompt. */
  seed: number;
  /** Likeliest tokens to tell of each place; undefined: nothing is told of tokens. */
  logprobs: number | undefined;
  echo: boolean;
  stream: boolean;
  includeUsage: boolean;
}

/** OpenAI's own defaults, where they are not ours. */
const DEFAULT_LENGTH = 16;
const DEFAULT_TEMPERATURE = 1;
/** Seeds that follow it are whole numbers, too. */
const LARGEST_SEED = 2 ** 52;
const MOST_LOGPROBS = 20;
const MOST_STOPS = 16;
const LONGEST_STOP = 256;
const MOST_BIASES = 1024;

/** @throws ApiError for what is not as it should be, and for what would be ignored */
export function completionRequest(
  fields: Fields,
  model: ServedModel,
  limits: Limits,
): CompletionRequest {
  assertModel(fields.text('model'), model.name);
  const { tokenizer } = model;
  const samples = fields.integer('n', { min: 1, max: limits.texts }) ?? 1;
  const most = { tokens: limits.promptTokens, prompts: Math.floor(limits.texts / samples) };
  const stream = fields.boolean('stream') ?? false;
  const request: CompletionRequest = {
    prompts: readPrompts(tokenizer, fields.take('prompt'), most),
    samples,
    length:
      fields.integer('max_tokens', { min: 0, max: limits.tokens }) ??
      Math.min(DEFAULT_LENGTH, limits.tokens),
    stop: readStops(fields.take('stop')),
    choice: readChoice(fields, tokenizer),
    seed: fields.integer('seed', { min: 0, max: LARGEST_SEED }) ?? newSeed(),
    logprobs: fields.integer('logprobs', { min: 0, max: MOST_LOGPROBS }),
    echo: fields.boolean('echo') ?? false,
    stream,
    includeUsage: readIncludeUsage(fields.take('stream_options'), stream),
  };
  if (request.logprobs !== undefined) assertTold(request, limits);
  refuseRest(fields, samples);
  return request;
}

/**
 * Each token that is told of takes some two kilobytes until it is sent: those of a text that is made wait for its end,
 * unless it is streamed, and those of a prompt come for all of its texts at once. They are at most what one text can have
 * with its prompt.
 */
function assertTold({ prompts, samples, length, echo, stream }: CompletionRequest, limits: Limits) {
  const most = limits.promptTokens + limits.tokens;
  const made = stream ? 0 : length;
  const told = samples * prompts.reduce((sum, { ids }) => sum + (echo ? ids.length : 0) + made, 0);
  if (told <= most) return;
  const hint = stream ? 'ask for fewer at a time' : 'ask for fewer at a time, or for a stream';
  throw badField('logprobs', `expected at most ${most} tokens to tell of, found ${told}: ${hint}`);
}

/** Where a seed is not given. */
export function newSeed(): number {
  return Math.floor(Math.random() * 1e6);
}

/** Texts before which to end: one or several, none empty. */
export function readStops(value: unknown): string[] {
  const stops = value === undefined ? [] : [value].flat();
  if (stops.length > MOST_STOPS) {
    throw badField('stop', `expected at most ${MOST_STOPS} texts, found ${stops.length}`);
  }
  for (const stop of stops) {
    if (typeof stop !== 'string' || stop === '' || stop.length > LONGEST_STOP) {
      const expected = `a text, or several, of 1 to ${LONGEST_STOP} characters`;
      throw badField('stop', `expected ${expected}, found ${showValue(stop)}`);
    }
    assertWhole('stop', stop);
  }
  return stops as string[];
}

function assertModel(asked: string | undefined, served: string): void {
  if (asked === undefined || asked === served) return;
  throw new ApiError(
    404,
    `model: expected ${showValue(served)}, the model that is served, found ${showValue(asked)}`,
    { param: 'model', code: 'model_not_found' },
  );
}

function readChoice(fields: Fields, tokenizer: Tokenizer): ChoiceOptions {
  const option = (name: string, spec: keyof typeof sampleOptions) =>
    fields.option(name, sampleOptions[spec]) as number | undefined;
  const temperature = fields.number('temperature', { min: 0 }) ?? DEFAULT_TEMPERATURE;
  return {
    // None at all is what a temperature comes to that goes to 0.
    greedy: temperature === 0,
    temperature: temperature === 0 ? 1 : temperature,
    topP: option('top_p', 'topP') ?? sampleOptions.topP.default,
    // Not OpenAI's; by the names that other servers have for them.
    topK: option('top_k', 'topK') ?? sampleOptions.topK.default,
    minP: option('min_p', 'minP'),
    typical: option('typical_p', 'typical'),
    repetitionPenalty: option('repetition_penalty', 'repetitionPenalty'),
    bias: readBiases(fields.take('logit_bias'), tokenizer),
  };
}

/** OpenAI's map from ids of tokens to what is added to their scores, from −100 to 100. */
function readBiases(value: unknown, tokenizer: Tokenizer): ReadonlyMap<number, number> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badField('logit_bias', `expected an object, found ${showValue(value)}`);
  }
  const entries = Object.entries(value);
  if (entries.length > MOST_BIASES) {
    throw badField('logit_bias', `expected at most ${MOST_BIASES} tokens, found ${entries.length}`);
  }
  const largest = tokenizer.vocabularySize - 1;
  const biases = new Map<number, number>();
  for (const [id, bias] of entries) {
    if (!/^\d{1,9}$/.test(id) || Number(id) > largest) {
      throw badField(
        'logit_bias',
        `expected ids of tokens, from 0 to ${largest}, found ${showValue(id)}`,
      );
    }
    if (typeof bias !== 'number' || Math.abs(bias) > 100) {
      throw badField('logit_bias', `expected numbers from −100 to 100, found ${showValue(bias)}`);
    }
    biases.set(Number(id), bias);
  }
  return biases;
}

function readIncludeUsage(value: unknown, stream: boolean): boolean {
  if (value === undefined) return false;
  const given = (typeof value === 'object' ? value : {}) as { include_usage?: unknown };
  const { include_usage: wanted = false } = given;
  if (stream && typeof value === 'object' && typeof wanted === 'boolean') return wanted;
  throw badField(
    'stream_options',
    `expected {"include_usage": true} beside "stream": true, found ${showValue(value)}`,
  );
}

/** What OpenAI has and this has not: refused unless it asks for nothing. */
function refuseRest(fields: Fields, samples: number): void {
  const penalty = 'use repetition_penalty, which raises probabilities of recent tokens to a power';
  fields.refuse('presence_penalty', [0], penalty);
  fields.refuse('frequency_penalty', [0], penalty);
  fields.refuse('best_of', [samples], 'as many texts are made as n asks for');
  fields.refuse('suffix', [''], 'the model only knows what comes before');
  fields.text('user');
  fields.assertEmpty();
}
