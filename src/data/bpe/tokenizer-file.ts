/** Tokenizers that another program made, given as their tokenizer.json. */

import { UserError } from '../../errors.ts';
import type { Tokenizer } from '../tokenizer-types.ts';
import { byteLevelModel } from './byte-level-model.ts';
import { FileTokenizer } from './file-tokenizer.ts';
import { checkTokenizerFile } from './hugging-face-json.ts';
import { BpeTokenizer } from './tokenizer.ts';

/**
 * The tokenizer of a tokenizer.json, whose bytes are those of the file `name`.
 *
 * Throws a UserError (`tokenizer-file`) that names the file and what is wrong with it.
 */
export function parseTokenizerFile(bytes: Uint8Array, name: string): Tokenizer {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UserError(
      'tokenizer-file',
      `${name}: expected the JSON of a tokenizer.json, found what is none: ${(error as Error).message}`,
      "Give a tokenizer.json as Hugging Face's tokenizers writes it.",
    );
  }
  return huggingFaceTokenizer(json, name);
}

/**
 * The tokenizer that `json`, the content of a tokenizer.json, describes. Byte-level BPE that divides
 * text as GPT-2 does is this program's own, with the same ids and faster; all others are Hugging
 * Face's.
 *
 * Throws a UserError (`tokenizer-file`) that names `name` and the field that is wrong.
 */
export function huggingFaceTokenizer(json: unknown, name = 'tokenizer.json'): Tokenizer {
  const file = checkTokenizerFile(json, name);
  const model = byteLevelModel(file);
  return model === undefined ? new FileTokenizer(file, name) : new BpeTokenizer(model);
}
