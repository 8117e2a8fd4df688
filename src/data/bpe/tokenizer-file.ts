/** Tokenizers that another program made, given as their tokenizer.json. */

import type { Tokenizer } from '../tokenizer-types.ts';
import { byteLevelModel } from './byte-level-model.ts';
import { FileTokenizer } from './file-tokenizer.ts';
import { checkTokenizerFile } from './hugging-face-json.ts';
import { BpeTokenizer } from './tokenizer.ts';

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
