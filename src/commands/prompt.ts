/** Text that a user gives on the command line for a model to read. */
import { buffer } from 'node:stream/consumers';
import type { UnknownPiece } from '../data/tokenizer-types.ts';
import { notice, showInline } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/** The text, or for `-` what standard input holds. */
export async function readPrompt(prompt: string, signal: AbortSignal): Promise<string> {
  if (prompt !== '-') return prompt;
  return (await untilAborted(buffer(process.stdin), signal)).toString();
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
