/** What tokens have in common by how they are written. */
import type { Tokenizer } from './tokenizer-types.ts';

/** Which features each of some tokens has: the pairs of both, by token. */
export interface TokenFeatures {
  /** V */
  readonly tokenCount: number;
  /** G */
  readonly featureCount: number;
  /** [N], ascending, each in [0, V). */
  readonly tokens: Int32Array;
  /** [N], each in [0, G); the features of a token ascend. */
  readonly features: Int32Array;
}

/** Of how many characters beginnings and endings are that count. */
const BEGINNINGS = [3, 4, 5, 6];
const ENDINGS = [1, 2, 3, 4];

const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/**
 * The features of a tokenizer's tokens: what is before and after their letters and digits, whether these are
 * capital, what they are in lowercase, and how that begins and ends. Features of one token alone, which it shares
 * with none, are left out. The tokens that stand for unknown ones, for the end of a text, and for bytes that are
 * no characters have none.
 */
export function featuresOf(tokenizer: Tokenizer): TokenFeatures {
  const { vocabularySize, unknownId, endOfTextId } = tokenizer;
  const texts: string[] = [];
  for (let id = 0; id < vocabularySize; id += 1) {
    texts.push(id === unknownId || id === endOfTextId ? '' : tokenizer.decode([id]));
  }
  return sharedFeatures(texts);
}

/** The features of some texts; see {@link featuresOf}. */
export function sharedFeatures(texts: readonly string[]): TokenFeatures {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const feature of featuresOfText(text)) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  const ids = new Map<string, number>();
  for (const [feature, count] of counts) if (count > 1) ids.set(feature, ids.size);
  const tokens: number[] = [];
  const features: number[] = [];
  for (const [token, text] of texts.entries()) {
    const found = featuresOfText(text).flatMap((feature) => ids.get(feature) ?? []);
    for (const feature of found.sort((a, b) => a - b)) {
      tokens.push(token);
      features.push(feature);
    }
  }
  return {
    tokenCount: texts.length,
    featureCount: ids.size,
    tokens: Int32Array.from(tokens),
    features: Int32Array.from(features),
  };
}

/** Each once; what is before the colon is the kind. */
function featuresOfText(text: string): string[] {
  if (text.includes('\uFFFD')) return [];
  const characters = [...text];
  const first = characters.findIndex((character) => LETTER_OR_DIGIT.test(character));
  if (first === -1) return text === '' ? [] : [`before:${text}`];
  const end = characters.findLastIndex((character) => LETTER_OR_DIGIT.test(character)) + 1;
  const part = (from: number, to?: number) => characters.slice(from, to).join('');
  const core = part(first, end);
  const lower = [...core.toLowerCase()];
  const beginnings = BEGINNINGS.filter((length) => length < lower.length);
  const endings = ENDINGS.filter((length) => length < lower.length);
  const capitals = capitalsOf(core);
  return [
    ...(first > 0 ? [`before:${part(0, first)}`] : []),
    ...(end < characters.length ? [`after:${part(end)}`] : []),
    ...(capitals ? [`capitals:${capitals}`] : []),
    `core:${lower.join('')}`,
    ...beginnings.map((length) => `begins:${lower.slice(0, length).join('')}`),
    ...endings.map((length) => `ends:${lower.slice(-length).join('')}`),
  ];
}

function capitalsOf(core: string): 'all' | 'first' | undefined {
  const isCapital = (text: string) => text !== text.toLowerCase() && text === text.toUpperCase();
  const [first = ''] = core;
  if (core.length > first.length && isCapital(core)) return 'all';
  return isCapital(first) ? 'first' : undefined;
}
