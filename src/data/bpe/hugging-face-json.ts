/** Reads what matters of a tokenizer.json, which may come from anywhere. */

import { showValue, UserError } from '../../errors.ts';
import type { TokenizerJson } from '../tokenizer-types.ts';

const MODEL_TYPES = ['BPE', 'WordPiece', 'WordLevel', 'Unigram'] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** A token beside those of the model. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** A tokenizer.json whose vocabulary and merges fit together. */
export interface TokenizerFile {
  readonly json: TokenizerJson;
  readonly type: ModelType;
  readonly model: Readonly<Record<string, unknown>>;
  /** The ids of the model's tokens. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Of BPE, otherwise empty; both tokens and what they make are in the vocabulary. */
  readonly merges: readonly (readonly [string, string])[];
  /** The id of what the model has no token for. */
  readonly unknownId: number | undefined;
  readonly addedTokens: readonly AddedToken[];
  /** The largest id + 1. */
  readonly vocabularySize: number;
}

/** A vocabulary of more would not fit into the memory of a model's output layer. */
const LARGEST_ID = 2 ** 24 - 1;

type Fail = (field: string, expected: string, found: unknown) => UserError;

/** Throws a UserError (`tokenizer-file`) that names `name` and the field that is wrong. */
export function checkTokenizerFile(json: unknown, name: string): TokenizerFile {
  const fail: Fail = (field, expected, found) =>
    new UserError(
      'tokenizer-file',
      `${name}: expected "${field}" to be ${expected}, found ${show(found)}`,
      "Give a tokenizer.json as Hugging Face's tokenizers writes it.",
    );
  if (!isRecord(json)) {
    throw new UserError(
      'tokenizer-file',
      `${name}: expected the JSON object of a tokenizer.json, found ${show(json)}`,
      "Give a tokenizer.json as Hugging Face's tokenizers writes it.",
    );
  }
  const { model } = json;
  if (!isRecord(model)) {
    throw fail('model', 'an object', model);
  }
  const type = modelType(model, fail);
  checkUnsupported(type, model, fail);
  const vocabulary = type === 'Unigram' ? readScores(model, fail) : readIds(model, fail);
  const merges = type === 'BPE' ? readMerges(model, vocabulary, fail) : [];
  const addedTokens = readAddedTokens(json.added_tokens ?? [], vocabulary, fail);
  const ids = [...vocabulary.values(), ...addedTokens.map((token) => token.id)];
  return {
    json: json as TokenizerJson,
    type,
    model,
    vocabulary,
    merges,
    unknownId: readUnknown(type, model, vocabulary, fail),
    addedTokens,
    vocabularySize: ids.reduce((largest, id) => Math.max(largest, id), -1) + 1,
  };
}

/** Files of the first versions do not name the type. */
function modelType(model: Record<string, unknown>, fail: Fail): ModelType {
  const { type } = model;
  if (type === undefined) {
    if (Array.isArray(model.vocab)) {
      return 'Unigram';
    }
    if (model.merges !== undefined) {
      return 'BPE';
    }
    return model.continuing_subword_prefix === undefined ? 'WordLevel' : 'WordPiece';
  }
  const known = MODEL_TYPES.find((candidate) => candidate === type);
  if (known === undefined) {
    throw fail('model.type', `one of ${MODEL_TYPES.join(', ')}`, type);
  }
  return known;
}

/** What Hugging Face's JavaScript would take for something else, or break on. */
function checkUnsupported(type: ModelType, model: Record<string, unknown>, fail: Fail): void {
  const { continuing_subword_prefix: prefix, byte_fallback: byteFallback } = model;
  if (type === 'BPE' && typeof prefix === 'string' && prefix !== '') {
    throw fail('model.continuing_subword_prefix', 'empty for BPE', prefix);
  }
  if (type === 'WordPiece' && typeof prefix !== 'string') {
    throw fail('model.continuing_subword_prefix', 'a text', prefix);
  }
  if (type === 'Unigram' && byteFallback === true) {
    throw fail('model.byte_fallback', 'false for Unigram', byteFallback);
  }
}

function readIds({ vocab }: Record<string, unknown>, fail: Fail): Map<string, number> {
  if (!isRecord(vocab) || Object.keys(vocab).length === 0) {
    throw fail('model.vocab', 'an object with an id for each token', vocab);
  }
  const vocabulary = new Map<string, number>();
  const seen = new Set<number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id) || seen.has(id)) {
      const expected = `an integer from 0 to ${LARGEST_ID}, found once`;
      throw fail(`model.vocab[${show(token)}]`, expected, id);
    }
    seen.add(id);
    vocabulary.set(token, id);
  }
  return vocabulary;
}

/** The vocabulary of Unigram: tokens with scores, in the order of their ids. */
function readScores({ vocab }: Record<string, unknown>, fail: Fail): Map<string, number> {
  if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > LARGEST_ID) {
    throw fail('model.vocab', 'an array of tokens with their scores', vocab);
  }
  const vocabulary = new Map<string, number>();
  for (const [id, entry] of vocab.entries()) {
    const [token, score] = Array.isArray(entry) ? entry : [];
    if (typeof token !== 'string' || !Number.isFinite(score)) {
      throw fail(`model.vocab[${id}]`, 'a token and its score', entry);
    }
    vocabulary.set(token, id);
  }
  return vocabulary;
}

function readMerges(
  { merges }: Record<string, unknown>,
  vocabulary: ReadonlyMap<string, number>,
  fail: Fail,
): [string, string][] {
  if (!Array.isArray(merges)) {
    throw fail('model.merges', 'an array', merges);
  }
  return merges.map((merge: unknown, i) => {
    const parts: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    const [left, right] = Array.isArray(parts) && parts.length === 2 ? parts : [];
    if (typeof left !== 'string' || typeof right !== 'string') {
      throw fail(`model.merges[${i}]`, 'two tokens', merge);
    }
    for (const token of [left, right, left + right]) {
      if (!vocabulary.has(token)) {
        throw fail(`model.merges[${i}]`, 'of tokens in the vocabulary, as what they make', token);
      }
    }
    return [left, right];
  });
}

function readAddedTokens(
  tokens: unknown,
  vocabulary: ReadonlyMap<string, number>,
  fail: Fail,
): AddedToken[] {
  if (!Array.isArray(tokens)) {
    throw fail('added_tokens', 'an array', tokens);
  }
  const owners = new Map(Array.from(vocabulary, ([content, id]) => [id, content]));
  return tokens.map((token: unknown, i) => {
    const { id, content, special } = isRecord(token) ? token : ({} as Record<string, unknown>);
    if (typeof content !== 'string' || content === '') {
      throw fail(`added_tokens[${i}].content`, 'a text', content);
    }
    const isTaken = isId(id) && (owners.get(id) ?? content) !== content;
    if (!isId(id) || isTaken || (vocabulary.get(content) ?? id) !== id) {
      const expected = `an integer from 0 to ${LARGEST_ID}, the same for the same token alone`;
      throw fail(`added_tokens[${i}].id`, expected, id);
    }
    owners.set(id, content);
    return { id, content, special: special === true };
  });
}

function readUnknown(
  type: ModelType,
  model: Record<string, unknown>,
  vocabulary: ReadonlyMap<string, number>,
  fail: Fail,
): number | undefined {
  if (type === 'Unigram') {
    const { unk_id: id } = model;
    if (!isId(id) || id >= vocabulary.size) {
      throw fail('model.unk_id', 'an id of the vocabulary', id);
    }
    return id;
  }
  const { unk_token: token } = model;
  const id = typeof token === 'string' ? vocabulary.get(token) : undefined;
  // BPE may do without.
  if (id === undefined && !(type === 'BPE' && (token === null || token === undefined))) {
    throw fail('model.unk_token', 'a token of the vocabulary', token);
  }
  return id;
}

function isId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) <= LARGEST_ID;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty array' : 'an array';
  }
  if (isRecord(value)) {
    return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  }
  return showValue(value);
}
