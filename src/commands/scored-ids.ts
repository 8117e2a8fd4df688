/** What tells the texts and the tokenizers that figures are of apart, where names do not. */
import { createHash } from 'node:crypto';
import type { TrainOptions } from '../config/train-options.ts';
import type { DataRecord } from '../data/record.ts';
import { type Part, validShareOf } from '../data/split.ts';
import type { Tokenizer } from '../data/tokenizer.ts';

/** How a text is read and cut. */
export type TextReading = Pick<
  TrainOptions,
  'encoding' | 'newlines' | 'textField' | 'validSplit' | 'testSplit'
> & {
  /** Whether the corpus is cut by bytes, and has characters of several. */
  readonly byBytes: boolean;
};

/**
 * The same for the same files, read in the same way and cut by the same shares. By which tokenizer is no part of
 * it, so that figures by several are told of one text: a cut spares what would be one token, a word at the most. But
 * a tenth of the bytes of a text is another part of it than a tenth of its characters.
 */
export function textIdOf(record: DataRecord, part: Part, reading: TextReading): string {
  const { encoding, newlines, textField, validSplit, testSplit, byBytes } = reading;
  const own = part === 'train' ? [] : record[part];
  // What has a text of its own takes nothing of the corpus.
  const bytes = record.corpus.reduce((sum, source) => sum + source.bytes, 0);
  const valid = record.valid.length > 0 ? 0 : validShareOf(validSplit, bytes);
  const test = record.test.length > 0 ? 0 : testSplit;
  const isWhole = own.length > 0 || (valid === 0 && test === 0);
  const files = (own.length > 0 ? own : record.corpus).map(({ sha256 }) => sha256);
  // The test part is the last of the text, whatever validation takes before it.
  const shares = part === 'test' ? { test } : { valid, test };
  const cut = isWhole ? {} : { part, ...shares, ...(byBytes ? { byBytes } : {}) };
  return digest({ files, encoding, newlines, textField, ...cut });
}

/** Of texts that are scored as one. */
export function joinedTextId(ids: readonly string[]): string {
  return digest({ ids });
}

/** The same for tokenizers that are the same in all they do. */
export function tokenizerIdOf(tokenizer: Tokenizer): string {
  return digest({ tokenizer: tokenizer.toJSON() });
}

function digest(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
