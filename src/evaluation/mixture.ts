/**
 * Linear mixtures of models: p(w | h) = Σⱼ λⱼ(h) pⱼ(w | h), where the weights λ depend on h by the class of a
 * place alone, which must not depend on w. Their sum is 1, so that the mixture's probabilities sum to 1, too.
 *
 * Weights are learned by expectation maximisation (F. Jelinek and R. L. Mercer, "Interpolated estimation of
 * Markov source parameters from sparse data", 1980), never from the tokens that they score.
 */

/** What models say of tokens that follow each other. */
export interface ModelScores {
  /** nats [n] each: −log p of every token, by model. Infinity, where a model gives it none. */
  losses: readonly Float32Array[];
  /** The class of each place [n], in [0, `classCount`). */
  classes: Uint8Array;
  classCount: number;
}

/** By class, the weight of each model; those of a class sum to 1. */
export type MixtureWeights = readonly Float64Array[];

/** Tokens [from, to) of what was scored. */
export type Range = readonly [from: number, to: number];

/** Of more tokens than this, every second, third … is learned from. */
const MOST_TOKENS = 1 << 20;
const MOST_ROUNDS = 200;
/** Nats a token: what a round must gain for another one to follow. */
const LEAST_GAIN = 1e-7;
/** What the weights over all classes count for in each class: that of so many tokens. */
const PRIOR_TOKENS = 20;

/** The weights under which `range` is likeliest; classes with few tokens of it are drawn to what all have. */
export function learnWeights(scores: ModelScores, range: Range): MixtureWeights {
  const even = new Float64Array(scores.losses.length).fill(1 / scores.losses.length);
  const alike = { ...scores, classes: new Uint8Array(scores.classes.length), classCount: 1 };
  const [overall] = expectationMaximisation(alike, range, even, 0) as [Float64Array];
  if (scores.classCount === 1) return [overall];
  return expectationMaximisation(scores, range, overall, PRIOR_TOKENS);
}

/** −log p of the tokens of `range` by the mixture: nats [to − from]. */
export function mixedLosses(
  { losses, classes }: ModelScores,
  weights: MixtureWeights,
  [from, to]: Range,
): Float32Array {
  return Float32Array.from({ length: to - from }, (_, i) => {
    const place = from + i;
    const own = weights[classes[place]!]!;
    const least = leastLoss(losses, place);
    let sum = 0;
    for (let j = 0; j < own.length; j++) sum += own[j]! * Math.exp(least - losses[j]![place]!);
    return least - Math.log(sum);
  });
}

/** A mixture's losses, and what it made of its models. */
export interface Mixture {
  /** nats [n]. */
  losses: Float32Array;
  /** The mean weight of each model over all tokens. */
  meanWeights: number[];
}

/**
 * The losses of all tokens by a mixture whose weights `heldOut` taught, other text that the same models have
 * scored. Without it, each half of the tokens teaches the weights that score the other.
 */
export function mixtureOf(scores: ModelScores, heldOut?: ModelScores): Mixture {
  const { length } = scores.classes;
  const losses = new Float32Array(length);
  const sums = new Float64Array(scores.losses.length);
  const score = (weights: MixtureWeights, range: Range) => {
    losses.set(mixedLosses(scores, weights, range), range[0]);
    for (let place = range[0]; place < range[1]; place++) {
      const own = weights[scores.classes[place]!]!;
      for (let j = 0; j < sums.length; j++) sums[j]! += own[j]!;
    }
  };
  if (heldOut) {
    score(learnWeights(heldOut, [0, heldOut.classes.length]), [0, length]);
  } else {
    const middle = length >> 1;
    score(learnWeights(scores, [middle, length]), [0, middle]);
    score(learnWeights(scores, [0, middle]), [middle, length]);
  }
  return { losses, meanWeights: Array.from(sums, (sum) => sum / length) };
}

/**
 * Rounds of expectation maximisation over `range` until they gain nothing more.
 *
 * @param prior the weights to begin with, which in each class count as those of `priorTokens` tokens
 */
function expectationMaximisation(
  { losses, classes, classCount }: ModelScores,
  [from, to]: Range,
  prior: Float64Array,
  priorTokens: number,
): Float64Array[] {
  const stride = Math.max(1, Math.ceil((to - from) / MOST_TOKENS));
  const counted = Math.ceil((to - from) / stride);
  let weights: Float64Array[] = Array.from({ length: classCount }, () => prior.slice());
  let before = Number.NEGATIVE_INFINITY;
  const joint = new Float64Array(prior.length);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const shares = weights.map(() => prior.map((weight) => weight * priorTokens));
    let logLikelihood = 0;
    for (let place = from; place < to; place += stride) {
      const of = classes[place]!;
      const least = leastLoss(losses, place);
      let sum = 0;
      for (let j = 0; j < joint.length; j++) {
        joint[j] = weights[of]![j]! * Math.exp(least - losses[j]![place]!);
        sum += joint[j]!;
      }
      for (let j = 0; j < joint.length; j++) shares[of]![j]! += joint[j]! / sum;
      logLikelihood += Math.log(sum);
    }
    weights = shares.map(normalised);
    if (logLikelihood - before < LEAST_GAIN * counted) break;
    before = logLikelihood;
  }
  return weights;
}

/** Of what the likeliest model says of a token: what others say is relative to it, however small. */
function leastLoss(losses: readonly Float32Array[], place: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const of of losses) least = Math.min(least, of[place]!);
  return least;
}

/** Shares as a distribution; even, where there are none. */
function normalised(shares: Float64Array): Float64Array {
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => (sum > 0 ? share / sum : 1 / shares.length));
}
