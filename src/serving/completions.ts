/** `POST /v1/completions`: texts in the form of OpenAI's API. */
import type { Tokenizer } from '../data/tokenizer.ts';
import { TokenChooser } from '../generation/choose-token.ts';
import { afterPrompt, type OnTokenRead } from '../generation/text-model.ts';
import type { PooledText, TextEnd, TextGroup } from '../generation/text-pool.ts';
import { decoderAfter } from '../generation/text-stream.ts';
import { likeliest } from '../inspection/likeliest.ts';
import { Random } from '../random.ts';
import { answerJson, StreamedAnswer } from './answer.ts';
import { type CompletionRequest, completionRequest } from './completion-request.ts';
import {
  type Choice,
  completionHead,
  finishReason,
  LogprobsWriter,
  usageOf,
} from './completion-response.ts';
import type { Exchange, Service } from './exchange.ts';
import type { ReadPrompt } from './prompts.ts';
import type { Fields } from './request-body.ts';
import { type PromptToken, type ShownToken, ShownTokens } from './shown-tokens.ts';

/** Tokens of a prompt that are a part of the answer. */
const TOLD_TOGETHER = 64;

/** Called with each part of a text; the last says why it ended. */
type Tell = (part: Choice) => void;

/**
 * Answers a request.
 *
 * @throws ApiError for one that cannot be answered, and the reason of the exchange's signal, while nothing was written
 */
export async function answerCompletion(
  fields: Fields,
  service: Service,
  exchange: Exchange,
): Promise<void> {
  const request = completionRequest(fields, service.model, service.limits);
  exchange.tokens.prompt = request.prompts.reduce((sum, { ids }) => sum + ids.length, 0);
  const head = completionHead(service.model.name);
  if (request.stream) await streamAnswer(request, head, service, exchange);
  else await answerAtOnce(request, head, service, exchange);
}

async function answerAtOnce(
  request: CompletionRequest,
  head: object,
  service: Service,
  exchange: Exchange,
): Promise<void> {
  const choices: Choice[] = [];
  await makeTexts(request, service, exchange, (part) => {
    const choice = choices[part.index];
    if (!choice) choices[part.index] = part;
    else append(choice, part);
  });
  const { prompt, made } = exchange.tokens;
  answerJson(exchange.response, { ...head, choices, usage: usageOf(prompt, made) });
}

function append(choice: Choice, part: Choice): void {
  choice.text += part.text;
  choice.finish_reason = part.finish_reason;
  if (!choice.logprobs || !part.logprobs) return;
  choice.logprobs.tokens.push(...part.logprobs.tokens);
  choice.logprobs.token_logprobs.push(...part.logprobs.token_logprobs);
  choice.logprobs.top_logprobs.push(...part.logprobs.top_logprobs);
  choice.logprobs.text_offset.push(...part.logprobs.text_offset);
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as OpenAI ends them. */
async function streamAnswer(
  request: CompletionRequest,
  head: object,
  service: Service,
  exchange: Exchange,
): Promise<void> {
  const answer = new StreamedAnswer(
    exchange.response,
    'text/event-stream; charset=utf-8',
    service.limits,
  );
  const common = request.includeUsage ? { ...head, usage: null } : head;
  try {
    await makeTexts(request, service, exchange, (part) => {
      const isSilent = part.text === '' && !part.logprobs?.tokens.length && !part.finish_reason;
      if (!isSilent) answer.write(eventOf({ ...common, choices: [part] }));
    });
  } catch (error) {
    answer.fail(error, eventOf);
  }
  const { prompt, made } = exchange.tokens;
  if (request.includeUsage) {
    answer.write(eventOf({ ...head, choices: [], usage: usageOf(prompt, made) }));
  }
  answer.end('data: [DONE]\n\n');
}

function eventOf(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Makes the texts of all prompts; those of a prompt have one seed after the other. */
async function makeTexts(
  request: CompletionRequest,
  { model, queue }: Service,
  { signal, tokens }: Exchange,
  tell: Tell,
): Promise<void> {
  const { length, stop, samples } = request;
  const chooser = new TokenChooser(request.choice, model.tokenizer.unknownId);
  const groups = request.prompts.map((prompt, p): Omit<TextGroup, 'onEnd'> => {
    const start = afterPrompt(model.tokenizer, prompt.ids);
    const isScored = isPromptScored(request, prompt);
    const all = Array.from({ length: samples }, (_, i) => {
      const before = isScored ? [] : start.tokens;
      const told = new ToldText(p * samples + i, request, model.tokenizer, before, tell);
      if (request.echo && !isScored) told.lead = prompt.text;
      return told;
    });
    const texts = all.map((told, i): PooledText => {
      return {
        random: new Random(request.seed + i),
        onToken: (piece, logProbabilities) => {
          tokens.made += 1;
          told.push(piece, logProbabilities);
        },
        onEnd: (end, rest) => {
          // Half a character at the end of a prompt that nothing follows.
          const half = request.echo && length === 0;
          told.end(end, half ? decoderAfter(model.tokenizer, start.tokens).end() : rest);
        },
      };
    });
    let read: PromptToken[] = [];
    const onTokenRead: OnTokenRead = (place, scores) => {
      read.push(promptToken(prompt.ids[place]!, scores, request.logprobs));
      if (read.length < TOLD_TOGETHER && place + 1 < prompt.ids.length) return;
      for (const told of all) told.pushPrompt(read);
      read = [];
    };
    const options = { length, stop };
    return { start, chooser, options, texts, ...(isScored ? { onTokenRead } : {}) };
  });
  await queue.make(groups, signal);
}

/** Whether the prompt's tokens are told of: then they are the text's first ones. */
function isPromptScored({ echo, logprobs }: CompletionRequest, { ids }: ReadPrompt): boolean {
  return echo && logprobs !== undefined && ids.length > 0;
}

function promptToken(id: number, scores: Float32Array | undefined, top = 0): PromptToken {
  if (!scores) return { id, nats: Number.NaN, alternatives: [] };
  return { id, nats: -scores[id]!, alternatives: top > 0 ? likeliest(scores, top) : [] };
}

/** One text, told as it is made. */
class ToldText {
  /** What is to be told first. */
  lead = '';
  readonly #index: number;
  readonly #shown: ShownTokens;
  readonly #logprobs: LogprobsWriter | undefined;
  readonly #tell: Tell;

  /** @param before the tokens that it goes on from */
  constructor(
    index: number,
    { logprobs }: CompletionRequest,
    tokenizer: Tokenizer,
    before: readonly number[],
    tell: Tell,
  ) {
    this.#index = index;
    this.#shown = new ShownTokens(tokenizer, before, logprobs ?? 0);
    this.#logprobs = logprobs === undefined ? undefined : new LogprobsWriter(tokenizer);
    this.#tell = tell;
  }

  pushPrompt(tokens: readonly PromptToken[]): void {
    const shown = tokens.flatMap((token) => this.#shown.pushPrompt(token));
    this.#part(shown, '', null);
  }

  push(piece: { id: number; nats: number; text: string }, logProbabilities: Float32Array): void {
    this.#part(this.#shown.push(piece, logProbabilities), '', null);
  }

  end(end: TextEnd, rest: string): void {
    const last = this.#shown.end(rest, end === 'stop');
    this.#part(last.tokens, last.rest, finishReason(end));
  }

  #part(shown: readonly ShownToken[], rest: string, reason: Choice['finish_reason']): void {
    const text = this.lead + shown.map((token) => token.text).join('') + rest;
    this.lead = '';
    const logprobs = this.#logprobs?.next(shown) ?? null;
    this.#tell({ index: this.#index, text, logprobs, finish_reason: reason });
  }
}
