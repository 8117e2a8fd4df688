/** What OpenAI's completions are answered with, whole or a piece at a time. */
import { randomUUID } from 'node:crypto';
import type { Tokenizer } from '../data/tokenizer.ts';
import type { TextEnd } from '../generation/text-pool.ts';
import type { ShownToken } from './shown-tokens.ts';

/** In the order of tokens. */
export interface Logprobs {
  tokens: string[];
  /** null: of a prompt's first token, before which there is nothing. */
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  /** Where each begins, in characters (code points). */
  text_offset: number[];
}

export interface Choice {
  index: number;
  text: string;
  logprobs: Logprobs | null;
  finish_reason: 'stop' | 'length' | null;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

export function usageOf(prompt: number, completion: number): Usage {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
}

/** What all pieces of an answer have in common. */
export function completionHead(model: string): object {
  return {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model,
  };
}

/** A text that ends with its document has ended by itself, as one before a stop text. */
export function finishReason(end: TextEnd): 'stop' | 'length' {
  return end === 'length' ? 'length' : 'stop';
}

/** Tells tokens of a text in OpenAI's form, a few at a time. */
export class LogprobsWriter {
  readonly #tokenizer: Tokenizer;
  #characters = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  next(shown: readonly ShownToken[]): Logprobs {
    const found: Logprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const { id, nats, alternatives, text } of shown) {
      found.tokens.push(tokenName(this.#tokenizer, id));
      const isScored = !Number.isNaN(nats);
      // JSON has no −∞.
      found.token_logprobs.push(isScored ? Math.max(-nats, LOWEST) : null);
      const top = alternatives.map(({ id: other, logProbability }) => [
        tokenName(this.#tokenizer, other),
        Math.max(logProbability, LOWEST),
      ]);
      found.top_logprobs.push(
        isScored ? (Object.fromEntries(top) as Record<string, number>) : null,
      );
      found.text_offset.push(this.#characters);
      this.#characters += [...text].length;
    }
    return found;
  }
}

/** As OpenAI has it for what is never made. */
const LOWEST = -9999;

/** The text of a token by itself; its name, such as `\xc3`, where it is no whole text. */
function tokenName(tokenizer: Tokenizer, id: number): string {
  const text = tokenizer.decode([id]);
  return text === '' || text.includes('\ufffd') || id === tokenizer.unknownId
    ? tokenizer.token(id)
    : text;
}
