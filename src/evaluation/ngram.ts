/**
 * An n-gram model to hold others against: interpolated modified Kneser–Ney smoothing, after S. F. Chen
 * and J. Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech and
 * Language 13(4), 1999.
 *
 * For a token w after the k − 1 tokens h, of which h′ leaves out the first:
 *
 *   p₀(w) = 1 / V
 *   pₖ(w | h) = max(c(h w) − D(c(h w)), 0) / c(h •) + γ(h) · pₖ₋₁(w | h′)
 *   γ(h) = (D₁ N₁(h •) + D₂ N₂(h •) + D₃₊ N₃₊(h •)) / c(h •)
 *
 * where c counts occurrences at the highest order and, at each lower one, the different tokens that stand
 * before the n-gram; c(h •) = Σ c(h w), and Nⱼ(h •) is the number of tokens with c(h w) = j. After an h that
 * the training text lacks, pₖ = pₖ₋₁. Each order has discounts of its own: see {@link discountsOf}.
 *
 * The text is one stream, as for the models that are compared: an n-gram may reach over the end of a line
 * or a document, which are tokens as others are, and nothing is made up before the first token.
 */
import { blocksOf, type TokenSequence, type WalkOptions } from '../data/token-sequence.ts';
import { UserError } from '../errors.ts';
import { turnEventLoop } from '../event-loop.ts';
import type { ScoredTokens } from './evaluate.ts';
import { GramTable } from './gram-table.ts';

/** What is taken off counts of 1, 2, and 3 or more. */
export type Discounts = readonly [number, number, number];

export interface NgramOptions extends WalkOptions {
  /** N: a token is predicted from the N − 1 before it. At least 1. */
  order: number;
  /** V: every id is below it. */
  vocabularySize: number;
  /** Different n-grams that an order may have. Default 2²⁵, about a gigabyte. */
  mostGrams?: number | undefined;
}

/** N-grams whose statistics are taken at a time. */
const BLOCK_GRAMS = 1 << 20;
const MOST_GRAMS = 1 << 25;
/** Magnitudes of c(h •) that are told apart: up to 4⁸ and more. */
const MAGNITUDES = 8;
/** Where counts of counts say nothing: those that KenLM falls back on. */
const FALLBACK_DISCOUNTS: Discounts = [0.5, 1, 1.5];

/** One order of a model: what is needed for pₖ beside pₖ₋₁. */
interface Order {
  /** The k-grams with c(h w); a prefix is the id of h in the order below. */
  grams: GramTable;
  discounts: Discounts;
  /** c(h •) by the id of h. */
  totals: Int32Array;
  /** γ(h) by the id of h. */
  backoffs: Float64Array;
}

/** A trained model. */
export interface NgramModel {
  vocabularySize: number;
  /** The orders 1 … N, at k − 1. */
  orders: readonly Order[];
}

/**
 * Learns a model from `tokens` in one pass, in memory that grows with the number of different n-grams.
 *
 * @throws UserError `baseline-too-large` for more n-grams of an order than `mostGrams`, and the reason of
 * `signal` once that is aborted
 */
export async function trainNgram(
  tokens: TokenSequence,
  { order, vocabularySize, mostGrams = MOST_GRAMS, onProgress, signal }: NgramOptions,
): Promise<NgramModel> {
  if (!Number.isInteger(order) || order < 1) {
    throw new RangeError(`expected an order that is a whole number of at least 1, found ${order}`);
  }
  const tables = Array.from({ length: order }, () => new GramTable());
  const counter = new NgramCounter(tables);
  for await (const ids of blocksOf(tokens, { onProgress, signal })) {
    for (const id of ids) counter.add(id);
    const largest = tables.find(({ size }) => size > mostGrams);
    if (largest) throw tooLarge(tables.indexOf(largest) + 1, mostGrams);
  }
  const orders: Order[] = [];
  for (const [below, grams] of tables.entries()) {
    // Before the first order stands the empty context alone.
    const contexts = below === 0 ? 1 : tables[below - 1]!.size;
    orders.push(await orderOf(grams, contexts, signal));
  }
  return { vocabularySize, orders };
}

/** Scored tokens, and how well the model knew what stands before each. */
export interface NgramScoredTokens extends ScoredTokens {
  /** {@link NgramCursor.contextClass} before each token [n]. */
  contextClasses: Uint8Array;
}

/** Hands `onLosses` the loss of each of `tokens` but the first, given all before it, as `scoreTokens`. */
export async function scoreTokensByNgram(
  model: NgramModel,
  tokens: TokenSequence,
  { onLosses, ...work }: WalkOptions & { onLosses: (scored: NgramScoredTokens) => void },
): Promise<void> {
  const cursor = new NgramCursor(model);
  let place = 0;
  for await (const ids of blocksOf(tokens, work)) {
    const contextClasses = new Uint8Array(ids.length);
    const losses = Float32Array.from(ids, (id, i) => {
      contextClasses[i] = cursor.contextClass;
      return -Math.log(cursor.advance(id));
    });
    const skipped = place === 0 ? 1 : 0;
    onLosses({
      start: place + skipped,
      targets: ids.subarray(skipped),
      losses: losses.subarray(skipped),
      contextClasses: contextClasses.subarray(skipped),
    });
    place += ids.length;
  }
}

/** How many classes of contexts a model has. */
export function contextClassCount({ orders }: NgramModel): number {
  return orders.length * MAGNITUDES;
}

/** A place in a text that is gone through token by token. */
export class NgramCursor {
  readonly #model: NgramModel;
  /** The ids of the last 0, 1, … N tokens in the tables of these orders; −1 where they are in none. */
  #contexts: Int32Array;
  #spare: Int32Array;

  constructor(model: NgramModel) {
    this.#model = model;
    this.#contexts = startOfText(model.orders.length);
    this.#spare = startOfText(model.orders.length);
  }

  /**
   * What is known of the tokens so far, before the next one: the highest order k that has met the last k − 1
   * of them, and with how many tokens after them (c(h •), in powers of four). Below {@link contextClassCount}.
   */
  get contextClass(): number {
    const { orders } = this.#model;
    for (let k = orders.length; k > 0; k--) {
      const total = totalAfter(orders[k - 1]!, this.#contexts[k - 1]!);
      if (total === 0) continue;
      const magnitude = Math.min(MAGNITUDES - 1, Math.floor(Math.log2(total) / 2));
      return (k - 1) * MAGNITUDES + magnitude;
    }
    return 0; // The model has learned of nothing.
  }

  /** The probability of `token` after all tokens so far, to which it is added. */
  advance(token: number): number {
    const { orders, vocabularySize } = this.#model;
    const [before, after] = [this.#contexts, this.#spare];
    let probability = 1 / vocabularySize;
    for (let k = 1; k <= orders.length; k++) {
      const context = before[k - 1]!;
      const { grams, discounts, backoffs } = orders[k - 1]!;
      const id = context < 0 ? -1 : grams.find(context, token);
      after[k] = id;
      const total = totalAfter(orders[k - 1]!, context);
      if (total === 0) continue;
      const count = id < 0 ? 0 : grams.counts[id]!;
      const kept = count - discountOf(count, discounts);
      probability = kept / total + backoffs[context]! * probability;
    }
    [this.#contexts, this.#spare] = [after, before];
    return probability;
  }
}

/** c(h •) by the id of h, or −1 if it has none. */
function totalAfter({ totals }: Order, context: number): number {
  return context < 0 ? 0 : totals[context]!;
}

/**
 * The discounts of an order, from the number nⱼ of its n-grams that count j: with Y = n₁ / (n₁ + 2 n₂),
 * Dⱼ = j − (j + 1) Y nⱼ₊₁ / nⱼ. Where n₁, n₂ or n₃ is 0 or a Dⱼ not above 0, as with few n-grams or
 * with a small vocabulary whose tokens are all frequent, the counts do not follow the law behind this:
 * the order takes 0.5, 1 and 1.5, as KenLM does when it is told to fall back.
 *
 * @param countsOfCounts n₁, n₂, n₃, n₄
 */
export function discountsOf(countsOfCounts: ArrayLike<number>): Discounts {
  const [n1, n2, n3, n4] = Array.from(countsOfCounts) as [number, number, number, number];
  if (Math.min(n1, n2, n3) === 0) return FALLBACK_DISCOUNTS;
  const y = n1 / (n1 + 2 * n2);
  const discounts: Discounts = [
    1 - (2 * y * n2) / n1,
    2 - (3 * y * n3) / n2,
    3 - (4 * y * n4) / n3,
  ];
  return Math.min(...discounts) > 0 ? discounts : FALLBACK_DISCOUNTS;
}

/** Counts the n-grams of all orders that end at each token. */
class NgramCounter {
  readonly #tables: readonly GramTable[];
  /** As in {@link NgramCursor}. */
  #contexts: Int32Array;
  #spare: Int32Array;

  constructor(tables: readonly GramTable[]) {
    this.#tables = tables;
    this.#contexts = startOfText(tables.length);
    this.#spare = startOfText(tables.length);
  }

  add(token: number): void {
    const [before, after] = [this.#contexts, this.#spare];
    const order = this.#tables.length;
    for (let k = 1; k <= order; k++) {
      const prefix = before[k - 1]!;
      if (prefix < 0) break; // The text has no k tokens yet.
      const grams = this.#tables[k - 1]!;
      const known = grams.size;
      const id = grams.add(prefix, token);
      after[k] = id;
      if (k === order) grams.counts[id]! += 1;
      // A new k-gram is one more token before the (k − 1)-gram that ends it.
      if (k > 1 && id === known) this.#tables[k - 2]!.counts[after[k - 1]!]! += 1;
    }
    [this.#contexts, this.#spare] = [after, before];
  }
}

/** The empty context, and none of the longer ones. */
function startOfText(order: number): Int32Array {
  return new Int32Array(order + 1).fill(-1).fill(0, 0, 1);
}

/** @param contexts how many ids of h there are */
async function orderOf(
  grams: GramTable,
  contexts: number,
  signal: AbortSignal | undefined,
): Promise<Order> {
  const countsOfCounts = new Int32Array(5);
  for (let id = 0; id < grams.size; id++) {
    const count = grams.counts[id]!;
    if (count < 5) countsOfCounts[count]! += 1;
  }
  const discounts = discountsOf(countsOfCounts.subarray(1));
  const totals = new Int32Array(contexts);
  const backoffs = new Float64Array(contexts);
  for (let id = 0; id < grams.size; id++) {
    const context = grams.prefixOf(id);
    const count = grams.counts[id]!;
    totals[context]! += count;
    backoffs[context]! += discountOf(count, discounts);
    if (id % BLOCK_GRAMS === 0) await turnEventLoop(signal);
  }
  for (let context = 0; context < contexts; context++) {
    if (totals[context]! > 0) backoffs[context]! /= totals[context]!;
  }
  return { grams, discounts, totals, backoffs };
}

/** D(c): 0 for a count of 0. */
function discountOf(count: number, discounts: Discounts): number {
  return count === 0 ? 0 : discounts[count < 3 ? count - 1 : 2]!;
}

function tooLarge(order: number, mostGrams: number): UserError {
  const lower = Math.max(1, order - 1);
  return new UserError(
    'baseline-too-large',
    `expected at most ${mostGrams} different ${order}-grams in the training text, found more`,
    `Give a lower order, such as --baseline ngram:${lower}.`,
  );
}
