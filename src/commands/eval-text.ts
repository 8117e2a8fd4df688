/** The text that `eval` scores a model on: a part of the run's own, or another one. */
import { dirname } from 'node:path';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { EvalOptions, evalOptions } from '../config/commands.ts';
import { textOptions } from '../config/shared.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import type { TextSize } from '../evaluation/report.ts';
import type { GivenOptions } from '../option-table.ts';
import { openRecordedTexts, openTexts } from './open-dataset.ts';

type Given = GivenOptions<typeof evalOptions>;

export interface TextToScore {
  /** To be closed when all is scored. */
  dataset: Dataset;
  part: TokenizedPart;
  /** What to call it. */
  label: string;
}

/** The text that the options name. */
export async function openTextToScore(
  options: EvalOptions,
  given: Given,
  { checkpoint, options: trained, tokenizer, training }: CheckpointModel,
  signal: AbortSignal,
): Promise<TextToScore> {
  const runDirectory = dirname(checkpoint.path);
  const context = { runDirectory, tokenizer, silent: options.json, signal };
  if (options.text) {
    assertNoSplit(given);
    const asTrained = { ...trained, valid: undefined, test: undefined };
    const whole = { corpus: options.text, validSplit: 0, testSplit: 0 };
    const dataset = await openTexts(
      { ...asTrained, ...givenTextOptions(given), ...whole },
      context,
    );
    const part = dataset.parts.get('train') as TokenizedPart;
    return { dataset, part, label: options.text.join(', ') };
  }
  const dataset = await openRecordedTexts(trained, training.data, context);
  const part = dataset.parts.get(options.split);
  if (part === undefined) {
    await dataset.close();
    throw new UserError(
      'corpus-missing',
      `expected a run with a ${options.split} split, found none in ${checkpoint.path}`,
      'Train with --test-split or --test, or name a text with --text FILE.',
    );
  }
  return { dataset, part, label: options.split };
}

/**
 * What the first token, which is not scored, leaves of the text.
 *
 * @throws UserError `corpus-too-short` if it leaves nothing
 */
export function scoredSize({ part, label }: TextToScore, tokenizer: Tokenizer): TextSize {
  if (part.tokens < 2) {
    throw new UserError(
      'corpus-too-short',
      `${label}: expected at least 2 tokens, since the first is not scored, found ${part.tokens}`,
      'Name a longer text with --text FILE.',
    );
  }
  const first = new Int32Array(1);
  part.sequence.read(0, first);
  const text = tokenizer.decode(first);
  return {
    characters: part.characters - Array.from(text).length,
    bytes: part.bytes - Buffer.byteLength(text),
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

/** How other text is to be read, where it is said; otherwise as the run's own was. */
function givenTextOptions(given: Given): Given {
  const names = Object.keys(textOptions) as (keyof typeof textOptions)[];
  return Object.fromEntries(
    names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  );
}
