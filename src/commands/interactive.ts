/** `gru-lm sample --interactive`: lines that are typed, each gone on from. */
import { writeFile } from 'node:fs/promises';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { SampleOptions } from '../config/sample.ts';
import { errorMessage, UserError } from '../errors.ts';
import { turnEventLoop } from '../event-loop.ts';
import type { Conversation } from '../generation/conversation.ts';
import { parseRequest, type Request, requestHelp } from './interactive-commands.ts';
import { addToHistory, historyPath, readHistory } from './interactive-history.ts';
import { type LineInput, StreamLines, TerminalLines } from './interactive-input.ts';
import { assertKnown } from './sample-prompts.ts';
import { assertStatePath, writeSampleState } from './sample-state.ts';
import type { SampleView } from './sample-view.ts';
import { errorStyle, notice, printJson, showMessage } from './terminal.ts';

/** Answers lines until there are no more. */
export async function converse(
  model: CheckpointModel,
  conversation: Conversation,
  view: SampleView,
  { json }: Pick<SampleOptions, 'json'>,
  signal: AbortSignal,
): Promise<void> {
  // What is typed is shown on standard output, on which JSON stands alone.
  const isTyped = process.stdin.isTTY === true && process.stdout.isTTY === true && !json;
  const history = isTyped ? historyPath() : undefined;
  const typed: string[] = [];
  const input: LineInput = isTyped
    ? new TerminalLines(await known(history), signal, (text) => notice(text))
    : new StreamLines(process.stdin, signal);
  if (isTyped) notice('Type what the model is to go on from. :help says what else; Ctrl-D ends.');
  try {
    for (;;) {
      const line = await input.next();
      if (line === undefined || signal.aborted) break;
      if (line !== '') typed.push(line);
      let isText = false;
      try {
        const request = parseRequest(line);
        if (request.type === 'quit') break;
        if (request.type === 'text') {
          isText = true;
          assertKnown(model.tokenizer, [{ text: request.text }]);
          await reply(conversation, request.text, { input, view, isTyped, signal });
        } else {
          await obey(request, model, conversation);
        }
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const { code, message, hint } = error;
        if (json && isText) printJson({ prompt: line, error: { code, message, hint } });
        notice(`${errorStyle.red('error:')} ${showMessage(message)}`);
        if (hint) notice(`  ${showMessage(hint)}`);
      }
    }
  } finally {
    input.close();
    conversation.dispose();
    if (history !== undefined) await remember(history, typed);
  }
}

async function reply(
  conversation: Conversation,
  line: string,
  {
    input,
    view,
    isTyped,
    signal,
  }: { input: LineInput; view: SampleView; isTyped: boolean; signal: AbortSignal },
): Promise<void> {
  let isStopped = false;
  input.onStop(() => {
    isStopped = true;
  });
  const { seed } = conversation;
  const prompt = conversation.promptOf(line);
  // What a state held back can only be shown with the line once more.
  if (isTyped && prompt === line) view.beginTyped(line);
  else view.begin(prompt);
  const startedMs = performance.now();
  let tokens = 0;
  for (const piece of conversation.reply(line)) {
    view.piece(piece);
    if (piece.id === undefined) await turnEventLoop();
    else if (++tokens % 8 === 0) await turnEventLoop();
    if (isStopped || signal.aborted) break;
  }
  const held = conversation.takeHeld();
  if (held) view.piece({ text: held });
  view.end({ seed, seconds: (performance.now() - startedMs) / 1000 });
}

async function obey(
  request: Exclude<Request, { type: 'text' | 'quit' }>,
  model: CheckpointModel,
  conversation: Conversation,
): Promise<void> {
  switch (request.type) {
    case 'help':
      for (const line of requestHelp()) notice(line);
      return;
    case 'reset':
      conversation.reset();
      notice('(a new text)');
      return;
    case 'seed':
      conversation.reseed(request.value);
      return;
    case 'temperature':
    case 'length':
      conversation.options = { ...conversation.options, [request.type]: request.value };
      return;
    case 'save':
      await saveText(request.path, conversation.text);
      notice(`(saved to ${showMessage(request.path)})`);
      return;
    case 'save-state': {
      const state = conversation.state();
      if (!state) {
        throw new UserError('usage', ':save-state: expected a text, found none yet', 'Begin one.');
      }
      await assertStatePath(request.path, undefined);
      await writeSampleState(request.path, model, state);
      notice(`(saved to ${showMessage(request.path)})`);
    }
  }
}

async function saveText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new UserError(
      'save',
      isThere
        ? `:save: expected no file at ${path} yet, found one`
        : `:save: expected to write ${path}, could not: ${errorMessage(error)}`,
      isThere ? 'Give another name.' : 'Check the directory.',
      { cause: error },
    );
  }
}

async function known(history: string | undefined): Promise<string[]> {
  if (history === undefined) return [];
  try {
    return await readHistory(history);
  } catch (error) {
    notice(`The lines of earlier sessions cannot be read: ${showMessage(errorMessage(error))}`);
    return [];
  }
}

async function remember(history: string, lines: readonly string[]): Promise<void> {
  try {
    await addToHistory(history, lines);
  } catch (error) {
    notice(`What was typed cannot be kept: ${showMessage(errorMessage(error))}`);
  }
}
