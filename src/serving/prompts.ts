/** What requests go on from. */
import type { Tokenizer } from '../data/tokenizer.ts';
import { quoted, showValue } from '../errors.ts';
import { badField } from './api-error.ts';
import { assertWhole } from './request-body.ts';

export interface ReadPrompt {
  /** As it was given, or what its tokens are; half a character at their end, which what follows completes, is left out. */
  readonly text: string;
  readonly ids: Int32Array;
}

/**
 * A prompt of text.
 *
 * @throws ApiError 400 for characters that the model does not know, and for too many tokens
 */
export function readPrompt(tokenizer: Tokenizer, text: string, mostTokens: number): ReadPrompt {
  assertWhole('prompt', text);
  const unknown = tokenizer.kind === 'char' ? tokenizer.findUnknown(text) : undefined;
  if (unknown) {
    const { piece, line, column } = unknown;
    const found = `found ${quoted(piece)} at line ${line}, column ${column}`;
    throw badField('prompt', `expected characters that the model knows, ${found}`);
  }
  const ids = tokenizer.encode(text);
  assertLength(ids.length, mostTokens);
  return { text, ids };
}

/**
 * The prompts of OpenAI's field: a text, several, the ids of tokens, or several times these.
 *
 * @throws ApiError 400 for anything else, and as {@link readPrompt}
 */
export function readPrompts(
  tokenizer: Tokenizer,
  value: unknown,
  { tokens, prompts }: { tokens: number; prompts: number },
): ReadPrompt[] {
  // OpenAI's default is a token that ends documents; here, an empty prompt is the start of a line.
  const given = value ?? '';
  const isOne = typeof given === 'string' || (Array.isArray(given) && isNumbers(given));
  const all = isOne ? [given] : given;
  if (!Array.isArray(all) || all.length === 0) {
    throw badField('prompt', `expected a text or a list of texts, found ${showValue(given)}`);
  }
  if (all.length > prompts) {
    throw badField('prompt', `expected at most ${prompts} prompts, found ${all.length}`);
  }
  return all.map((one: unknown) => {
    if (typeof one === 'string') return readPrompt(tokenizer, one, tokens);
    if (Array.isArray(one) && isNumbers(one)) return readIds(tokenizer, one, tokens);
    throw badField('prompt', `expected a text or a list of texts, found ${showValue(given)}`);
  });
}

function isNumbers(values: readonly unknown[]): values is number[] {
  return values.length > 0 && values.every((value) => typeof value === 'number');
}

function readIds(tokenizer: Tokenizer, ids: readonly number[], mostTokens: number): ReadPrompt {
  assertLength(ids.length, mostTokens);
  const size = tokenizer.vocabularySize;
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < size));
  if (wrong !== undefined) {
    throw badField('prompt', `expected ids of tokens, from 0 to ${size - 1}, found ${wrong}`);
  }
  const decoder = tokenizer.decoder();
  return { text: ids.map((id) => decoder.push(id)).join(''), ids: Int32Array.from(ids) };
}

function assertLength(tokens: number, most: number): void {
  if (tokens > most) {
    throw badField('prompt', `expected at most ${most} tokens, found ${tokens}`);
  }
}
