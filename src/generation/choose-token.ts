/** Chooses the next token from what a model says of it. */
import type { Random } from '../random.ts';
import { RecentTokens } from './recent-tokens.ts';
import { Shortlist } from './shortlist.ts';

/**
 * How a token is chosen. What is said of probabilities applies in this order: repetition penalty, biases,
 * temperature, top-k, top-p, min-p, typical; each filter to what those before it have left.
 */
export interface ChoiceOptions {
  /** Scores are divided by it: below 1 sharpens, above 1 flattens. */
  temperature: number;
  /** Only the K tokens of highest score; 0: all. */
  topK: number;
  /** Only the smallest set of likeliest tokens whose probabilities add up to this; 1: all. */
  topP: number;
  /** Only tokens with at least this share of the likeliest one's probability; 0: all. */
  minP?: number | undefined;
  /** Only the most typical tokens whose probabilities add up to this; 1: all. */
  typical?: number | undefined;
  /** The probability of a token among the last `repetitionWindow` is raised to this power; 1: none is. */
  repetitionPenalty?: number | undefined;
  /** At most as many as a text remembers of its tokens. Default {@link DEFAULT_WINDOW}. */
  repetitionWindow?: number | undefined;
  /** Nats that are added to the logarithms of probabilities, by id; −∞: never chosen. */
  bias?: ReadonlyMap<number, number> | undefined;
  /** Always the token of highest score, whatever the temperature and what comes after it. */
  greedy: boolean;
}

const DEFAULT_WINDOW = 64;

const NONE = new RecentTokens(0);

/** Chooses tokens by the same options. One can serve many texts, one after the other. */
export class TokenChooser {
  readonly #options: ChoiceOptions;
  readonly #biases: readonly (readonly [id: number, bias: number])[];
  readonly #filters: readonly ((list: Shortlist) => void)[];
  /** Scores after penalty and biases [V]. */
  #scores = new Float64Array();
  #list = new Shortlist(0);

  /** @param banned an id that is never chosen, such as that of unknown tokens */
  constructor(options: ChoiceOptions, banned?: number) {
    this.#options = options;
    const bans = banned === undefined ? [] : [[banned, Number.NEGATIVE_INFINITY] as const];
    this.#biases = [...(options.bias ?? []), ...bans];
    this.#filters = filtersOf(options);
  }

  /** Remembers what this chooser has to know of a text. */
  recentTokens(): RecentTokens {
    const { repetitionPenalty = 1, repetitionWindow = DEFAULT_WINDOW } = this.#options;
    return new RecentTokens(repetitionPenalty === 1 ? 0 : repetitionWindow);
  }

  /**
   * Draws a token id. It takes one number of `random`, whatever the options, so that these do not shift
   * what follows.
   *
   * @param logProbabilities [V]; not any scores, since the penalty depends on where 0 is
   * @param recent the tokens that the repetition penalty is for
   */
  choose(logProbabilities: ArrayLike<number>, random: Random, recent = NONE): number {
    const place = random.uniform();
    const best = this.#adjust(logProbabilities, recent);
    const { greedy, temperature } = this.#options;
    if (greedy) return best;
    if (this.#filters.length === 0) return drawFromAll(this.#scores, best, temperature, place);
    return this.#shortlist(best).draw(place);
  }

  /** The ids that may be chosen, in rising order, with their probabilities. */
  candidates(
    logProbabilities: ArrayLike<number>,
    recent = NONE,
  ): { ids: number[]; probabilities: number[] } {
    const best = this.#adjust(logProbabilities, recent);
    if (this.#options.greedy) return { ids: [best], probabilities: [1] };
    const list = this.#shortlist(best);
    const ids = [...list.ids];
    const sum = ids.reduce((total, id) => total + list.weight(id), 0);
    return { ids, probabilities: ids.map((id) => list.weight(id) / sum) };
  }

  /** Fills `#scores`; returns the id of the highest, of equal ones the lowest. */
  #adjust(logProbabilities: ArrayLike<number>, recent: RecentTokens): number {
    const { length } = logProbabilities;
    if (this.#scores.length !== length) this.#scores = new Float64Array(length);
    const scores = this.#scores;
    scores.set(logProbabilities);
    // CTRL divides positive scores and would have to multiply negative ones. Logarithms of probabilities
    // are never positive, and do not depend on a constant that scores may have.
    const { repetitionPenalty = 1 } = this.#options;
    for (const id of recent.distinct()) scores[id] = scores[id]! * repetitionPenalty;
    for (const [id, bias] of this.#biases) scores[id] = scores[id]! + bias;
    let best = 0;
    for (let id = 1; id < length; id++) if (scores[id]! > scores[best]!) best = id;
    return best;
  }

  #shortlist(best: number): Shortlist {
    const scores = this.#scores;
    if (this.#list.capacity < scores.length) this.#list = new Shortlist(scores.length);
    this.#list.fill(scores, scores[best]!, this.#options.temperature);
    for (const filter of this.#filters) filter(this.#list);
    return this.#list;
  }
}

/** The filters that leave something out, in their order. */
function filtersOf({ topK, topP, minP = 0, typical = 1 }: ChoiceOptions) {
  const filters: ((list: Shortlist) => void)[] = [];
  if (topK > 0) filters.push((list) => list.keepLikeliest(topK));
  if (topP < 1) filters.push((list) => list.keepNucleus(topP));
  if (minP > 0) filters.push((list) => list.keepAbove(minP));
  if (typical < 1) filters.push((list) => list.keepTypical(typical));
  return filters;
}

/** As from a {@link Shortlist} of all, but without the list: it can be a long one. Scores become weights. */
function drawFromAll(
  scores: Float64Array,
  best: number,
  temperature: number,
  place: number,
): number {
  const highest = scores[best]!;
  let sum = 0;
  for (let id = 0; id < scores.length; id++) {
    const weight = Math.exp((scores[id]! - highest) / temperature);
    scores[id] = weight;
    sum += weight;
  }
  let left = place * sum;
  let last = best;
  for (let id = 0; id < scores.length; id++) {
    const weight = scores[id]!;
    if (weight === 0) continue;
    left -= weight;
    if (left < 0) return id;
    last = id;
  }
  return last;
}
