import { dirname } from 'node:path';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type InspectOptions, inspectOptions } from '../config/inspection-options.ts';
import type { TokenizedPart } from '../data/dataset.ts';
import { UserError } from '../errors.ts';
import { pageOf } from '../inspection/page.ts';
import { weighTokens } from '../inspection/saliency.ts';
import { tokenTexts } from '../inspection/token-text.ts';
import { traceText } from '../inspection/trace.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { assertNoTextOptions, givenTextOptions } from './eval-text.ts';
import { printInspection } from './inspect-json.ts';
import { showInspection } from './inspect-view.ts';
import { checkpointName, type Inspection } from './inspection.ts';
import { assertFilePlace, writeNewFile } from './new-file.ts';
import { openTexts } from './open-dataset.ts';
import { noticeUnknown, readPrompt } from './prompt.ts';
import { startBackend } from './start-backend.ts';
import { byteCount, count, notice, printLine, showInline } from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof inspectOptions>;

const UNITS_IN_A_PAGE = 64;
/** Of one prediction; of all of a page's, half as many take half as long, and most of what there is to see. */
const USUAL_SPAN = 32;
const SPAN_IN_A_PAGE = 16;

/** `gru-lm inspect` */
export async function run(given: Given, [name]: string[], signal: AbortSignal): Promise<void> {
  const options = withDefaults(inspectOptions, given);
  assertOneText(options);
  assertUsed(options);
  if (options.text === undefined) {
    assertNoTextOptions(given, '--prompt', 'a prompt is text as it stands.');
  }
  if (options.html !== undefined) await assertFilePlace(options.html, options.overwrite, HOW_TO);
  const model = await openModel(name, ['weights']);
  const { ids, label } = await untilAborted(readTokens(model, options, given, signal), signal);
  assertPlace(options, ids.length);
  const inspection = await inspect(model, ids, label, options, signal);
  if (options.html !== undefined) await savePage(options.html, inspection);
  if (options.json) printInspection(inspection);
  else if (options.html === undefined) showInspection(inspection);
}

const HOW_TO = 'Give --html another name, or --overwrite to replace the file.';

function assertOneText({ prompt, text }: InspectOptions): void {
  if ((prompt === undefined) !== (text === undefined)) return;
  throw new UserError(
    'usage',
    `expected one of --prompt and --text, found ${prompt === undefined ? 'neither' : 'both'}`,
    'Give --prompt "some text", or --text FILE.',
  );
}

/** Makes sure that there is something that each of these options is about. */
function assertUsed({ span, units, overwrite, explain, html, json }: InspectOptions): void {
  const isPage = html !== undefined;
  const uses: [flag: string, isGiven: boolean, isUsed: boolean, expected: string][] = [
    ['--span', span !== undefined, explain !== undefined || isPage, '--explain or --html'],
    ['--units', units !== undefined, json || isPage, '--html or --json'],
    ['--overwrite', overwrite, isPage, '--html'],
  ];
  for (const [flag, isGiven, isUsed, expected] of uses) {
    if (!isGiven || isUsed) continue;
    throw new UserError(
      'usage',
      `expected ${expected} with ${flag}, found it alone`,
      `It would change nothing: leave out ${flag}, or add what it is for.`,
    );
  }
}

/** How many tokens before a prediction are weighed. */
function spanOf({ span, html }: InspectOptions): number {
  return span ?? (html === undefined ? USUAL_SPAN : SPAN_IN_A_PAGE);
}

/** The tokens to look at, and what to call their text. */
async function readTokens(
  model: CheckpointModel,
  options: InspectOptions,
  given: Given,
  signal: AbortSignal,
): Promise<{ ids: Int32Array; label: string }> {
  const { tokenizer } = model;
  if (options.prompt !== undefined) {
    const prompt = await readPrompt(options.prompt, signal);
    const unknown = tokenizer.findUnknown(prompt);
    if (unknown) noticeUnknown(unknown, 'the prompt');
    const ids = tokenizer.encode(prompt);
    return { ids: firstOf(ids, ids.length, options), label: 'prompt' };
  }
  const file = options.text as string;
  const runDirectory = dirname(model.checkpoint.path);
  const context = { runDirectory, tokenizer, silent: options.json, signal };
  const whole = { corpus: [file], valid: undefined, test: undefined, validSplit: 0, testSplit: 0 };
  const trained = { ...model.options, ...givenTextOptions(given) };
  const dataset = await openTexts({ ...trained, ...whole }, context);
  try {
    const part = dataset.parts.get('train') as TokenizedPart;
    const ids = new Int32Array(Math.min(part.tokens, options.tokens));
    part.sequence.read(0, ids);
    return { ids: firstOf(ids, part.tokens, options), label: file };
  } finally {
    await dataset.close();
  }
}

/** As many of a text's tokens as are wanted, and a word where that is not all. */
function firstOf(ids: Int32Array, all: number, { tokens }: InspectOptions): Int32Array {
  if (all === 0) {
    throw new UserError(
      'corpus-too-short',
      'expected a text of at least one token, found an empty one',
      'Give --prompt or --text some text.',
    );
  }
  if (all > tokens) {
    notice(`The first ${count(tokens)} of ${count(all)} tokens; --tokens N looks at more.`);
  }
  return ids.slice(0, tokens);
}

function assertPlace({ explain }: InspectOptions, tokens: number): void {
  if (explain === undefined || explain < tokens) return;
  const places = tokens < 2 ? 'no place' : `a place from 1 to ${tokens - 1}`;
  throw new UserError(
    'usage',
    `--explain: expected ${places} (the text is ${count(tokens)} tokens, of which the first, at 0, is not predicted), found ${explain}`,
    'Give --explain the place of a token of the text.',
  );
}

async function inspect(
  model: CheckpointModel,
  ids: Int32Array,
  label: string,
  options: InspectOptions,
  signal: AbortSignal,
): Promise<Inspection> {
  const { checkpoint, modelConfig, tokenizer } = model;
  const { nativeOperations } = await startBackend(options, signal);
  const weights = weightsOf(selectParameters(modelConfig, checkpoint.weights, checkpoint.path));
  const { html, explain, topK } = options;
  const span = spanOf(options);
  const places = html === undefined ? [explain ?? []].flat() : Array.from(ids.keys()).slice(1);
  const keepsBelow = places.length > 0;
  const trace = await traceText(modelConfig, weights, ids, {
    alternatives: topK,
    keepsBelow,
    signal,
  });
  // Every place's: a page keeps 8 bits of each, which is what bfloat16 has.
  const rounds = html !== undefined && nativeOperations?.fastBfloat16;
  const precision = rounds ? 'bfloat16' : 'float32';
  const weighing = { span, precision, signal } as const;
  const saliencies = await weighTokens(modelConfig, weights, trace, places, weighing);
  return { model, label, trace, texts: tokenTexts(tokenizer, ids), saliencies, options };
}

async function savePage(path: string, inspection: Inspection): Promise<void> {
  const { model, label, trace, texts, saliencies, options } = inspection;
  const page = pageOf({
    title: label,
    checkpoint: checkpointName(inspection),
    config: model.modelConfig,
    tokenName: (id) => model.tokenizer.token(id),
    trace,
    texts,
    saliencies,
    span: spanOf(options),
    units: options.units ?? UNITS_IN_A_PAGE,
    chosen: options.explain ?? Math.min(1, trace.ids.length - 1),
  });
  const bytes = await writeNewFile(path, page, options.overwrite, HOW_TO);
  const tokens = count(trace.ids.length);
  if (!options.json) printLine(`${showInline(path)}: ${tokens} tokens, ${byteCount(bytes)}`);
}
