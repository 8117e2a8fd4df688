/** Tokenizers: learned from the training text, kept in the checkpoint. */

import { errorMessage, UserError } from '../errors.ts';
import { huggingFaceTokenizer } from './bpe/tokenizer-file.ts';
import { BpeTrainer } from './bpe/trainer.ts';
import { ByteTrainer } from './byte-tokenizer.ts';
import { CharTrainer } from './char-trainer.ts';
import { utf8Pieces } from './text-pieces.ts';
import { parseOwnTokenizer } from './tokenizer-json.ts';
import type {
  Tokenizer,
  TokenizerKind,
  TokenizerTrainer,
  VocabularyOptions,
} from './tokenizer-types.ts';
import { WordTrainer } from './word-trainer.ts';

export type { Tokenizer, TokenizerKind } from './tokenizer-types.ts';

export type TrainerOptions = VocabularyOptions & { readonly kind: TokenizerKind };

/** What learns a tokenizer of `kind` from the training part of a text. */
export function createTrainer(options: TrainerOptions): TokenizerTrainer {
  switch (options.kind) {
    case 'char':
      return new CharTrainer(options);
    case 'word':
      return new WordTrainer(options);
    case 'byte':
      return new ByteTrainer();
    case 'bpe':
      return new BpeTrainer(options);
    case 'file':
      throw new Error('expected a kind of tokenizer that is learned, found file');
  }
}

/** A tokenizer learned from a text that is in memory, with the errors of {@link TokenizerTrainer}. */
export function trainTokenizer(text: string, options: TrainerOptions): Tokenizer {
  const trainer = createTrainer(options);
  for (const piece of utf8Pieces(text)) {
    trainer.write(piece);
  }
  trainer.endDocument();
  return trainer.finish();
}

/**
 * The tokenizer that `toJSON` wrote as `json`, in a checkpoint's file `name`.
 *
 * Throws a UserError (`checkpoint-tokenizer`, or `checkpoint-version` for a newer format) that names
 * the file and the field that is wrong.
 */
export function tokenizerFromJson(json: unknown, name = 'tokenizer'): Tokenizer {
  const record = recordOf(json);
  if (!Object.hasOwn(record, 'model')) {
    return parseOwnTokenizer(record, name);
  }
  try {
    return huggingFaceTokenizer(record, name);
  } catch (error) {
    throw asError('checkpoint-tokenizer', error, 'The checkpoint is damaged: use another one.');
  }
}

/**
 * The tokenizer of a tokenizer.json, gru-lm's own or Hugging Face's, whose bytes are those of the file
 * `name`.
 *
 * Throws a UserError (`tokenizer-file`) that names the file and what is wrong with it.
 */
export function parseTokenizerFile(bytes: Uint8Array, name: string): Tokenizer {
  const hint =
    'Give a tokenizer.json as Hugging Face’s tokenizers or gru-lm tokenize --save write it.';
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UserError(
      'tokenizer-file',
      `${name}: expected the JSON of a tokenizer.json, found what is none: ${errorMessage(error)}`,
      hint,
      { cause: error },
    );
  }
  const record = recordOf(json);
  if (!Object.hasOwn(record, 'format')) {
    return huggingFaceTokenizer(json, name);
  }
  try {
    return parseOwnTokenizer(record, name);
  } catch (error) {
    throw asError('tokenizer-file', error, hint);
  }
}

function recordOf(json: unknown): Record<string, unknown> {
  return (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
}

/** A user's error with another code and hint; what is none stays as it is. */
function asError(code: string, error: unknown, hint: string): unknown {
  return error instanceof UserError
    ? new UserError(code, error.message, hint, { cause: error })
    : error;
}
