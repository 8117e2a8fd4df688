/** Text that a user gives on the command line for a model to read. */
import { buffer } from 'node:stream/consumers';
import { describeSource } from '../data/text-files.ts';
import type { UnknownPiece } from '../data/tokenizer-types.ts';
import { UserError } from '../errors.ts';
import { notice, showInline } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * The text, or for `-` what standard input holds.
 *
 * @throws UserError `prompts` as {@link decodePrompt}
 */
export async function readPrompt(prompt: string, signal: AbortSignal): Promise<string> {
  if (prompt !== '-') return prompt;
  return decodePrompt(await untilAborted(buffer(process.stdin), signal), '-');
}

/**
 * UTF-8 as text, without a byte-order mark.
 *
 * @param name where it comes from, for messages; `-` is standard input
 * @param options `keepsMark`: these are no first bytes, and a mark among them is text
 * @throws UserError `prompts` for bytes that are no text
 */
export function decodePrompt(
  bytes: Uint8Array,
  name: string,
  { keepsMark = false }: { keepsMark?: boolean } = {},
): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: keepsMark }).decode(bytes);
  } catch (error) {
    throw new UserError(
      'prompts',
      `${describeSource(name)}: expected UTF-8 text, found bytes that are none`,
      'Turn it into UTF-8, such as with iconv.',
      { cause: error },
    );
  }
}

/** Says that a piece of a prompt is unknown to the model; `name` is what to call the prompt. */
export function noticeUnknown(unknown: UnknownPiece, name: string): void {
  notice(
    `"${showInline(unknown.piece)}" (${placeOf(unknown)} of ${name}) is read as <unk>: the model does not know it`,
  );
}

export function placeOf({ line, column }: UnknownPiece): string {
  return `line ${line}, column ${column}`;
}
