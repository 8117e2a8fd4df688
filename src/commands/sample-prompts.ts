/** What `gru-lm sample` is to go on from. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { isJsonLines } from '../data/json-lines.ts';
import type { Tokenizer, UnknownPiece } from '../data/tokenizer-types.ts';
import { errorMessage, showValue, UserError } from '../errors.ts';
import { decodePrompt, noticeUnknown, placeOf, readPrompt } from './prompt.ts';
import { notice, showInline } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

export interface Prompt {
  readonly text: string;
  /** Its number in a file of them, from 0; undefined: it is none of a file. */
  readonly index?: number;
}

/**
 * The prompt, or the prompts of a file; none is the empty one.
 *
 * @throws UserError `prompts` for what cannot be read or is not as it should be
 */
export async function readPrompts(
  { prompt, prompts }: { prompt?: string; prompts?: string },
  signal: AbortSignal,
): Promise<Prompt[]> {
  if (prompts === undefined) {
    return [{ text: await readPrompt(prompt ?? '', signal) }];
  }
  let bytes: Uint8Array;
  try {
    bytes =
      prompts === '-' ? await untilAborted(buffer(process.stdin), signal) : await readFile(prompts);
  } catch (error) {
    signal.throwIfAborted();
    throw new UserError(
      'prompts',
      `--prompts: expected a file at ${prompts}, could not read it: ${errorMessage(error)}`,
      'Check the path; - reads standard input.',
      { cause: error },
    );
  }
  const found = isJsonLines(prompts)
    ? parseJsonPrompts(bytes, prompts)
    : parsePrompts(bytes, prompts);
  if (found.length > 0) return found.map((text, index) => ({ text, index }));
  throw new UserError(
    'prompts',
    `${prompts}: expected a prompt on each line, found no line`,
    'Write one prompt a line; an empty line is the start of a line.',
  );
}

/** The lines of a text, without their ends; `name` for messages, as of the next. */
export function parsePrompts(bytes: Uint8Array, name: string): string[] {
  const lines = decodePrompt(bytes, name).split(/\r?\n/);
  // What ends with a line end has no line after it.
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The fields "prompt" of JSON lines; lines of white space have none. */
export function parseJsonPrompts(bytes: Uint8Array, name: string): string[] {
  return parsePrompts(bytes, name).flatMap((line, i) => {
    if (line.trim() === '') return [];
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw badLine(name, i, 'JSON', `what is none: ${errorMessage(error)}`, error);
    }
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const { prompt } = (isObject ? value : {}) as { prompt?: unknown };
    if (typeof prompt === 'string') return [prompt];
    const found = isObject ? `${showValue(prompt)} in it` : showValue(value);
    throw badLine(name, i, 'an object with a text in its field "prompt"', found);
  });
}

function badLine(
  name: string,
  i: number,
  expected: string,
  found: string,
  cause?: unknown,
): UserError {
  return new UserError(
    'prompts',
    `${name}, line ${i + 1}: expected ${expected}, found ${found}`,
    'Make each line an object such as {"prompt": "…"}; plain text needs another name than .jsonl.',
    { cause },
  );
}

/**
 * A prompt must be made of what the model knows; a word model reads other words as <unk>, which is said.
 *
 * @throws UserError `prompt-unknown`
 */
export function assertKnown(tokenizer: Tokenizer, prompts: readonly Prompt[]): void {
  let unsaid = 0;
  let said = false;
  for (const prompt of prompts) {
    const unknown = tokenizer.findUnknown(prompt.text);
    if (!unknown) continue;
    if (tokenizer.kind === 'char') throw unknownCharacter(unknown, prompt);
    if (said) {
      unsaid += 1;
      continue;
    }
    said = true;
    noticeUnknown(unknown, nameOf(prompt));
  }
  if (unsaid > 0) notice(`So is some of ${unsaid} more prompts.`);
}

function unknownCharacter(unknown: UnknownPiece, prompt: Prompt): UserError {
  const { piece } = unknown;
  const code = (piece.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
  const where = prompt.index === undefined ? 'prompt' : nameOf(prompt);
  return new UserError(
    'prompt-unknown',
    `${where}: expected characters that the model knows, found "${showInline(piece)}" (U+${code}) at ${placeOf(unknown)}`,
    'Leave it out, or train on text that has it.',
  );
}

function nameOf({ index }: Prompt): string {
  return index === undefined ? 'the prompt' : `prompt ${index + 1}`;
}
