/** The text that `compare` compares models on, which must be the same for all of them. */
import { createHash } from 'node:crypto';
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { CompareOptions, compareOptions } from '../config/commands.ts';
import type { TextChunks } from '../data/text-chunk.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import type { GivenOptions } from '../option-table.ts';
import { openTextsToScore, type ScoredText, type TextsToScore } from './eval-text.ts';
import { untilAborted } from './until-aborted.ts';

export interface ComparedText {
  /** As each of the models reads it. */
  texts: readonly ScoredText[];
  /** To be called when all is scored. */
  close(): Promise<void>;
}

/**
 * @param names how the user calls the models
 * @throws UserError `text-differs` or `text-normalisation` where models would be scored on different
 * texts, `usage` for standard input
 */
export async function openComparedText(
  models: readonly CheckpointModel[],
  names: readonly string[],
  options: CompareOptions,
  given: GivenOptions<typeof compareOptions>,
  signal: AbortSignal,
): Promise<ComparedText> {
  assertRereadable(options);
  assertSameNormalisation(models, names);
  const opened: TextsToScore[] = [];
  const close = async () => {
    for (const text of opened) await text.close();
  };
  try {
    for (const model of models) {
      opened.push(await untilAborted(openTextsToScore(options, given, model, signal), signal));
    }
    const texts = opened.map(({ whole }) => whole);
    await assertSameText(texts, names, options);
    return { texts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function assertRereadable({ text = [] }: CompareOptions): void {
  if (!text.includes('-')) return;
  throw new UserError(
    'usage',
    'expected files to compare on, found - (standard input)',
    'Each model reads the text for itself: put it into a file, and name that with --text.',
  );
}

function assertSameNormalisation(
  models: readonly CheckpointModel[],
  names: readonly string[],
): void {
  const all = models.map(({ tokenizer }) => normalisationOf(tokenizer));
  const other = all.findIndex((normalisation) => normalisation !== all[0]);
  if (other < 0) return;
  throw new UserError(
    'text-normalisation',
    `expected models that read text in the same way, found ${names[0]} to read it ${all[0]} and ` +
      `${names[other]} ${all[other]}`,
    'What is lowercased is another text, and easier to predict: train both with or without --lowercase.',
  );
}

/** What a tokenizer does to text before it divides it. */
function normalisationOf(tokenizer: Tokenizer): string {
  const { lowercase, normalizer = null } = tokenizer.toJSON();
  const rules = JSON.stringify(normalizer);
  if (lowercase === true || rules === JSON.stringify({ type: 'Lowercase' })) return 'in lowercase';
  return rules === 'null' ? 'as it is' : `by the rules ${rules}`;
}

async function assertSameText(
  texts: readonly ScoredText[],
  names: readonly string[],
  { text }: CompareOptions,
): Promise<void> {
  const hashes: string[] = [];
  for (const { chunks } of texts) hashes.push(await hashOf(chunks()));
  const other = hashes.findIndex((hash) => hash !== hashes[0]);
  if (other < 0) return;
  throw new UserError(
    'text-differs',
    `expected one text for all models, found another for ${names[other]} ` +
      `(${texts[other]!.part.bytes} bytes) than for ${names[0]} (${texts[0]!.part.bytes} bytes)`,
    text === undefined
      ? 'Their own parts are of other texts, or cut in other places: name a text with --text FILE.'
      : 'They were trained to read files in different ways: say with --encoding, --newlines or ' +
          '--text-field how all of them are to.',
  );
}

/** Stands for the text, and where its documents begin. */
async function hashOf(chunks: TextChunks): Promise<string> {
  const hash = createHash('sha256');
  let [place, starts] = [0, ''];
  for await (const { bytes, startsDocument } of chunks) {
    if (startsDocument) starts = createHash('sha256').update(`${starts} ${place}`).digest('hex');
    hash.update(bytes);
    place += bytes.length;
  }
  return hash.update(starts).digest('hex');
}
