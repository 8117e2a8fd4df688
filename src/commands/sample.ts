import { text as readAll } from 'node:stream/consumers';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type SampleOptions, sampleOptions } from '../config/sample.ts';
import { UserError } from '../errors.ts';
import { turnEventLoop } from '../event-loop.ts';
import { generate } from '../generation/generate.ts';
import type { Weights } from '../model/language-model.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { Random } from '../random.ts';
import { startBackend } from './start-backend.ts';
import {
  notice,
  outStyle,
  printJson,
  printLine,
  printRaw,
  printText,
  showInline,
} from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/** `gru-lm sample`: text streams as it is made. */
export async function run(
  given: GivenOptions<typeof sampleOptions>,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  const options = withDefaults(sampleOptions, given);
  const model = await openModel(name, ['weights']);
  const prompt =
    options.prompt === '-'
      ? await untilAborted(readAll(process.stdin), signal)
      : (options.prompt ?? '');
  assertKnown(model, prompt);
  const { checkpoint, modelConfig } = model;
  await startBackend(options, signal);
  const parameters = selectParameters(modelConfig, checkpoint.weights, checkpoint.path);
  const weights = weightsOf(parameters);
  const firstSeed = options.seed ?? Math.floor(Math.random() * 1e6);
  for (let i = 0; i < options.samples && !signal.aborted; i++) {
    const seed = firstSeed + i;
    if (i > 0 && !options.json) printLine(`\n${outStyle.dim('—'.repeat(20))}`);
    await sampleOnce(model, weights, prompt, options, seed, signal);
  }
}

async function sampleOnce(
  { modelConfig, tokenizer }: CheckpointModel,
  weights: Weights,
  prompt: string,
  options: SampleOptions,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  // A file or another program gets the text as it is; a terminal would obey what is in it.
  const print = options.raw || !process.stdout.isTTY ? printRaw : printText;
  const show = (text: string) => {
    if (!options.json) print(text);
  };
  const startedMs = performance.now();
  let [text, tokens, nats] = ['', 0, 0];
  show(prompt);
  const random = new Random(seed);
  const ids = tokenizer.encode(prompt);
  for (const piece of generate(modelConfig, weights, tokenizer, ids, options, random)) {
    if (signal.aborted) break;
    show(piece.text);
    text += piece.text;
    if (piece.nats !== undefined) {
      tokens += 1;
      nats += piece.nats;
    }
    // Lets what was written out, and signals in.
    if (tokens % 16 === 0) await turnEventLoop();
  }
  const tokensPerSecond = tokens / ((performance.now() - startedMs) / 1000);
  const natsPerToken = nats / tokens;
  if (options.json) {
    printJson({ prompt, text, tokens, natsPerToken, seed, tokensPerSecond });
    return;
  }
  printLine();
  if (process.stderr.isTTY) {
    notice(
      `(${tokens} tokens, ${natsPerToken.toFixed(3)} nats a token, ${tokensPerSecond.toFixed(0)} tokens/s, seed ${seed})`,
    );
  }
}

/** A prompt must be made of what the model knows; a word model reads other words as <unk>. */
function assertKnown({ tokenizer }: CheckpointModel, prompt: string): void {
  const unknown = tokenizer.findUnknown(prompt);
  if (!unknown) return;
  const { piece, line, column } = unknown;
  const place = `line ${line}, column ${column}`;
  if (tokenizer.kind !== 'char') {
    notice(
      `"${showInline(piece)}" (${place} of the prompt) is read as <unk>: the model does not know it`,
    );
    return;
  }
  const code = (piece.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
  throw new UserError(
    'prompt-unknown',
    `prompt: expected characters that the model knows, found "${showInline(piece)}" (U+${code}) at ${place}`,
    'Leave it out, or train on text that has it.',
  );
}
