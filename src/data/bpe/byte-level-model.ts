import { readBytes } from './byte-level.ts';
import { isRecord, type TokenizerFile } from './hugging-face-json.ts';
import type { BpeModel } from './tokenizer.ts';

/**
 * The model of a tokenizer.json that is byte-level BPE as {@link BpeTokenizer} has it; undefined: it is
 * something else, if only in a detail.
 */
export function byteLevelModel(file: TokenizerFile): BpeModel | undefined {
  return isByteLevelBpe(file) ? readModel(file) : undefined;
}

function isByteLevelBpe({ json, type, model, addedTokens }: TokenizerFile): boolean {
  const { normalizer, pre_tokenizer: preTokenizer, decoder } = json;
  return (
    type === 'BPE' &&
    // With every byte in the vocabulary it makes no difference what is done without one.
    isNothing(model.dropout) &&
    isNothing(model.continuing_subword_prefix) &&
    isNothing(model.end_of_word_suffix) &&
    isNothing(model.ignore_merges) &&
    (isNothing(normalizer) || hasType(normalizer, 'Lowercase')) &&
    hasType(preTokenizer, 'ByteLevel') &&
    preTokenizer.add_prefix_space === false &&
    preTokenizer.use_regex !== false &&
    hasType(decoder, 'ByteLevel') &&
    addedTokens.every((token) => token.special)
  );
}

function readModel(file: TokenizerFile): BpeModel | undefined {
  const specialTokens = new Map(file.addedTokens.map(({ id, content }) => [id, content]));
  const ids = new Set([...file.vocabulary.values(), ...specialTokens.keys()]);
  if (ids.size < file.vocabularySize) {
    return undefined;
  }
  const tokens: Uint8Array[] = new Array(file.vocabularySize);
  let bytes = 0;
  for (const [token, id] of file.vocabulary) {
    const content = specialTokens.has(id) ? Buffer.from(token) : readBytes(token);
    if (content === undefined || content.length === 0) {
      return undefined;
    }
    tokens[id] = content;
    bytes += content.length === 1 && !specialTokens.has(id) ? 1 : 0;
  }
  for (const [id, name] of specialTokens) {
    tokens[id] = Buffer.from(name);
  }
  if (bytes < 256) {
    return undefined;
  }
  const { vocabulary } = file;
  const merges = file.merges.map(([left, right]) => ({
    left: vocabulary.get(left)!,
    right: vocabulary.get(right)!,
    result: vocabulary.get(left + right)!,
  }));
  return { tokens, merges, specialTokens, lowercase: hasType(file.json.normalizer, 'Lowercase') };
}

/** A field that changes nothing is left out or has one of these values. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === false || value === 0;
}

function hasType(value: unknown, type: string): value is Record<string, unknown> {
  return isRecord(value) && value.type === type;
}
