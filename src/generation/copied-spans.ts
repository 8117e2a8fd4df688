/** What of made texts stands word for word in another text, such as that which a model was trained on. */
import { blocksOf, type TokenSequence, type WalkOptions } from '../data/token-sequence.ts';
import type { Tokenizer, TokenizerKind } from '../data/tokenizer-types.ts';
import { MatchingStep } from './matching-step.ts';
import { SuffixAutomaton } from './suffix-automaton.ts';

/** A span of a made text that also stands in the source. */
export interface CopiedSpan {
  /** The number of its first token in the made text. */
  readonly start: number;
  readonly tokens: number;
  /** Of a place in the source where it begins, both counted from 1. */
  readonly document: number;
  readonly line: number;
}

export interface CopiedSpans {
  /** The first of the longest spans; undefined: not even one token is in the source. */
  readonly longest: CopiedSpan | undefined;
  /** The share of tokens that are in spans of at least so many tokens as were asked for. */
  readonly share: number;
}

export interface CopyOptions extends WalkOptions {
  /** Spans of fewer tokens have no part in the share. */
  readonly shortest: number;
}

/** Tokens of the source that are read at once. */
const WINDOW = 1 << 18;

/** From so many tokens on a span counts as copied: about as much text of each kind. */
export const SHORTEST_COPIED: Record<TokenizerKind, number> = {
  char: 16,
  byte: 16,
  word: 5,
  bpe: 5,
  file: 5,
};

/**
 * Looks for every part of `texts` in `source`. It is exact: the source goes once through the suffix automaton
 * of the texts, which gives the longest part of them that ends at each of its tokens (matching
 * statistics, Chang & Lawler 1994). The time is in proportion to both, the memory to the texts and the
 * vocabulary.
 *
 * @param texts token ids, without those that end documents
 */
export async function findCopies(
  texts: readonly (readonly number[])[],
  source: TokenSequence,
  tokenizer: Tokenizer,
  { shortest, signal, onProgress }: CopyOptions,
): Promise<CopiedSpans[]> {
  const symbols = symbolsOf(texts, tokenizer.vocabularySize);
  const matcher = new Matcher(joined(texts, symbols), tokenizer, symbols);
  for await (const ids of blocksOf(source, { onProgress, signal }, WINDOW)) matcher.scan(ids);
  matcher.spread();
  let at = 0;
  return texts.map((ids) => {
    const spans = matcher.spansOf(ids, at, shortest);
    at += ids.length + 1;
    return spans;
  });
}

/** Numbers the tokens of `texts` from 1, by id [V]; 0: the token is in none. */
function symbolsOf(texts: readonly (readonly number[])[], vocabularySize: number): Int32Array {
  const symbols = new Int32Array(vocabularySize);
  let count = 0;
  for (const ids of texts) {
    for (const id of ids) {
      if (symbols[id] !== 0) continue;
      count += 1;
      symbols[id] = count;
    }
  }
  return symbols;
}

/** The symbols of all texts, each followed by 0, which no match goes across. */
function joined(texts: readonly (readonly number[])[], symbols: Int32Array): Int32Array {
  const all = new Int32Array(texts.reduce((total, ids) => total + ids.length + 1, 0));
  let at = 0;
  for (const ids of texts) {
    for (const id of ids) {
      all[at] = symbols[id]!;
      at += 1;
    }
    at += 1;
  }
  return all;
}

class Matcher {
  readonly #automaton: SuffixAutomaton;
  readonly #symbols: Int32Array;
  /** Line ends in each token [V]. */
  readonly #lineEnds: Uint8Array;
  readonly #endOfTextId: number | undefined;
  /** By state: the longest of its parts that the source has, 0 for none, and a place where it ends. */
  readonly #matched: Int32Array;
  readonly #lines: Int32Array;
  readonly #documents: Int32Array;
  readonly #step: MatchingStep;
  #line = 1;
  #document = 1;

  constructor(text: Int32Array, tokenizer: Tokenizer, symbols: Int32Array) {
    this.#automaton = new SuffixAutomaton(text);
    this.#symbols = symbols;
    this.#lineEnds = lineEndsOf(tokenizer);
    this.#endOfTextId = tokenizer.endOfTextId;
    this.#step = new MatchingStep(this.#automaton, 1 + symbols.reduce((a, b) => Math.max(a, b), 0));
    const { size } = this.#automaton;
    this.#matched = new Int32Array(size);
    this.#lines = new Int32Array(size);
    this.#documents = new Int32Array(size);
  }

  /** The next tokens of the source. */
  scan(ids: Int32Array): void {
    const symbols = this.#symbols;
    const lineEnds = this.#lineEnds;
    const matched = this.#matched;
    const step = this.#step;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      this.#line += lineEnds[id]!;
      if (id === this.#endOfTextId) {
        this.#document += 1;
        this.#line = 1;
      }
      const symbol = symbols[id]!;
      if (symbol === 0) step.reset();
      else step.take(symbol);
      const { state, length } = step;
      if (length > matched[state]!) this.#record(state, length, this.#line, this.#document);
    }
  }

  /** Lets states know what follows from others: a part that is in the source has its endings there, too. */
  spread(): void {
    const { lengths, links } = this.#automaton;
    const states = this.#automaton.byLength();
    for (let i = states.length - 1; i > 0; i--) {
      const state = states[i]!;
      const link = links[state]!;
      if (this.#matched[state] === 0 || link === 0) continue;
      if (this.#matched[link]! < lengths[link]!) {
        this.#record(link, lengths[link]!, this.#lines[state]!, this.#documents[state]!);
      }
    }
    // Where a state's own parts are not in the source, those of its link may be.
    for (let i = 1; i < states.length; i++) {
      const state = states[i]!;
      const link = links[state]!;
      if (this.#matched[state] !== 0) continue;
      this.#record(state, this.#matched[link]!, this.#lines[link]!, this.#documents[link]!);
    }
  }

  /** @param at where the text begins in those that were joined */
  spansOf(ids: readonly number[], at: number, shortest: number): CopiedSpans {
    let longest = { end: 0, tokens: 0 };
    let [covered, coveredTo] = [0, 0];
    for (let i = 0; i < ids.length; i++) {
      const tokens = this.#matched[this.#automaton.prefixes[at + i]!]!;
      if (tokens > longest.tokens) longest = { end: i + 1, tokens };
      if (tokens < shortest) continue;
      covered += i + 1 - Math.max(coveredTo, i + 1 - tokens);
      coveredTo = i + 1;
    }
    const share = ids.length > 0 ? covered / ids.length : 0;
    return { longest: longest.tokens > 0 ? this.#spanOf(ids, at, longest) : undefined, share };
  }

  #spanOf(
    ids: readonly number[],
    at: number,
    { end, tokens }: { end: number; tokens: number },
  ): CopiedSpan {
    const state = this.#automaton.prefixes[at + end - 1]!;
    let line = this.#lines[state]!;
    for (const id of ids.slice(end - tokens, end)) line -= this.#lineEnds[id]!;
    return { start: end - tokens, tokens, line, document: this.#documents[state]! };
  }

  #record(state: number, length: number, line: number, document: number): void {
    this.#matched[state] = length;
    this.#lines[state] = line;
    this.#documents[state] = document;
  }
}

/** How many line ends each token has [V]; more than 255 count as so many. */
function lineEndsOf(tokenizer: Tokenizer): Uint8Array {
  return Uint8Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
    Math.min(255, tokenizer.decodeBytes([id]).filter((byte) => byte === 0x0a).length),
  );
}
