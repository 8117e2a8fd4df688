/** The texts that `eval` scores a model on: a part of the run's own, or others. */
import { dirname } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { EvalOptions } from '../config/commands.ts';
import { textOptions } from '../config/shared.ts';
import type { TrainOptions } from '../config/train-options.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import type { Part } from '../data/split.ts';
import type { TextChunks } from '../data/text-chunk.ts';
import { findOperands } from '../data/text-files.ts';
import { concatenated, TokenArray } from '../data/token-sequence.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import type { GivenOptions } from '../option-table.ts';
import { type OpenOptions, openRecordedTexts, openTexts } from './open-dataset.ts';
import { joinedTextId, type TextReading, textIdOf } from './scored-ids.ts';

/** What is given of the options that say what is scored. */
type Given = GivenOptions<typeof textOptions> & { split?: EvalOptions['split'] };

export interface ScoredText {
  /** What to call it. */
  label: string;
  /** As `textIdOf` has it. */
  id: string;
  part: TokenizedPart;
  /** The text itself, as often as asked. */
  chunks: () => TextChunks;
}

export interface TextsToScore {
  /** All of the text. */
  whole: ScoredText;
  /** Each of the texts that it is made of, where they are several, but not too many to be shown. */
  each: readonly ScoredText[];
  /** The run's own text, if a part of it is scored. */
  own: Dataset | undefined;
  /** To be called when all is scored. */
  close(): Promise<void>;
}

/** More texts are scored as a whole only: one by one they would be a long table, and all open. */
const MOST_TEXTS = 100;

/** The texts that the options name. */
export async function openTextsToScore(
  options: Pick<EvalOptions, 'text' | 'split' | 'json'>,
  given: Given,
  model: CheckpointModel,
  signal: AbortSignal,
): Promise<TextsToScore> {
  const { checkpoint, options: trained, tokenizer, training } = model;
  const runDirectory = dirname(checkpoint.path);
  const context = { runDirectory, tokenizer, keepText: true, silent: options.json, signal };
  if (options.text) {
    assertNoSplit(given);
    return openOthers(options.text, { ...trained, ...givenTextOptions(given) }, context);
  }
  assertNoTextOptions(
    given,
    'it without',
    'the run’s own text is read as it was for training; --text FILE names another.',
  );
  const dataset = await openRecordedTexts(trained, training.data, context);
  if (!dataset.parts.has(options.split)) {
    await dataset.close();
    throw new UserError(
      'corpus-missing',
      `expected a run with a ${options.split} split, found none in ${checkpoint.path}`,
      'Train with --test-split or --test, or name a text with --text FILE.',
    );
  }
  const whole = textOf(dataset, options.split, options.split, trained);
  return { whole, each: [], own: dataset, close: dataset.close };
}

/** Texts that are no part of the run. Each operand is opened by itself, if there are not too many. */
async function openOthers(
  texts: readonly string[],
  options: TrainOptions,
  context: OpenOptions & { tokenizer: Tokenizer },
): Promise<TextsToScore> {
  const opened: ScoredText[] = [];
  const datasets: Dataset[] = [];
  const close = async () => {
    for (const dataset of datasets) await dataset.close();
  };
  // What is wrong with any of them is said before the first is read.
  await findOperands(texts);
  const groups = texts.length > MOST_TEXTS ? [texts] : texts.map((text) => [text]);
  try {
    for (const corpus of groups) {
      const whole = { corpus, valid: undefined, test: undefined, validSplit: 0, testSplit: 0 };
      const reading = { ...options, ...whole };
      const dataset = await openTexts(reading, context);
      datasets.push(dataset);
      opened.push(textOf(dataset, 'train', corpus.join(', '), reading));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const isOne = opened.length === 1;
  const whole = isOne ? opened[0]! : joined(opened, context.tokenizer);
  return { whole, each: isOne ? [] : opened, own: undefined, close };
}

function textOf(
  dataset: Dataset,
  part: Part,
  label: string,
  reading: Omit<TextReading, 'byBytes'>,
): ScoredText {
  const { parts, record, tokenizer } = dataset;
  const isCut = (name: Part) => name === 'train' || record[name].length === 0;
  const isLonger = [...parts].some(
    ([name, { characters, bytes }]) => isCut(name) && characters !== bytes,
  );
  const byBytes = tokenizer.kind === 'byte' && isLonger;
  return {
    label,
    id: textIdOf(record, part, { ...reading, byBytes }),
    part: parts.get(part) as TokenizedPart,
    chunks: () => dataset.chunksOf(part),
  };
}

/** Texts as the one text that they are when they are opened together. */
function joined(texts: readonly ScoredText[], { endOfTextId }: Tokenizer): ScoredText {
  const sum = (name: 'unknown' | 'characters' | 'bytes' | 'documents') =>
    texts.reduce((total, { part }) => total + part[name], 0);
  const between = endOfTextId === undefined ? [] : [new TokenArray(Int32Array.of(endOfTextId))];
  const sequence = concatenated(
    texts.flatMap(({ part }, i) => (i === 0 ? [part.sequence] : [...between, part.sequence])),
  );
  return {
    label: texts.map(({ label }) => label).join(', '),
    id: joinedTextId(texts.map(({ id }) => id)),
    part: {
      sequence,
      tokens: sequence.length,
      unknown: sum('unknown'),
      characters: sum('characters'),
      bytes: sum('bytes'),
      documents: sum('documents'),
    },
    async *chunks() {
      for (const text of texts) yield* text.chunks();
    },
  };
}

function assertNoSplit(given: Given): void {
  if (given.split === undefined) return;
  throw new UserError(
    'usage',
    'expected at most one of --text and --split, found both',
    'Give --text for other text, --split for a part of the run’s own.',
  );
}

/**
 * Makes sure that it is not said how other text is to be read, where there is none.
 *
 * @param found what there is instead, for the message
 * @param reason why the option is of no use there, for the hint
 * @throws UserError `usage` naming the option
 */
export function assertNoTextOptions(
  given: GivenOptions<typeof textOptions>,
  found: string,
  reason: string,
): void {
  const [name] = Object.keys(givenTextOptions(given)) as (keyof typeof textOptions)[];
  if (name === undefined) return;
  const { flag } = textOptions[name];
  throw new UserError(
    'usage',
    `expected --text with --${flag}, found ${found}`,
    `Leave out --${flag}: ${reason}`,
  );
}

/** How other text is to be read, where it is said; otherwise as the run's own was. */
export function givenTextOptions(
  given: GivenOptions<typeof textOptions>,
): GivenOptions<typeof textOptions> {
  const names = Object.keys(textOptions) as (keyof typeof textOptions)[];
  return Object.fromEntries(
    names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  );
}
