/** Figures from token losses, by the convention of `evaluate.ts`. */

/** What was scored, for the figures that are not per token. */
export interface ScoredText {
  /** The text's tokens [N + 1]. */
  ids: Int32Array;
  /** The id of out-of-vocabulary tokens, if the tokenizer has one. */
  unknownId: number | undefined;
  /** Characters (code points) of the text that the scored tokens stand for. */
  characters: number;
  /** UTF-8 bytes of the same. */
  bytes: number;
}

export interface EvaluationReport {
  /** Tokens scored: all but the first. */
  tokens: number;
  /** Out-of-vocabulary tokens among them; they are scored as `<unk>`. */
  oovTokens: number;
  /** Mean nats a scored token. */
  natsPerToken: number;
  /** exp(natsPerToken). */
  perplexity: number;
  /** The same over the scored tokens that are in the vocabulary. */
  perplexityWithoutOov: number;
  bitsPerCharacter: number;
  bitsPerByte: number;
}

/** How the figures are taken, in one line. */
export const CONVENTION =
  'exp(total nats / scored tokens); every token but the first; one stream, state carried from zeros';

/** The mean of losses in nats. */
export function meanLoss(losses: Float32Array): number {
  return sum(losses) / losses.length;
}

/** @param losses nats of each token but the first [N] */
export function reportOn(losses: Float32Array, text: ScoredText): EvaluationReport {
  const total = sum(losses);
  let oovTokens = 0;
  let oovTotal = 0;
  if (text.unknownId !== undefined) {
    for (let i = 0; i < losses.length; i++) {
      if (text.ids[i + 1] !== text.unknownId) continue;
      oovTokens += 1;
      oovTotal += losses[i]!;
    }
  }
  const natsPerToken = total / losses.length;
  const bits = total / Math.LN2;
  return {
    tokens: losses.length,
    oovTokens,
    natsPerToken,
    perplexity: Math.exp(natsPerToken),
    perplexityWithoutOov: Math.exp((total - oovTotal) / (losses.length - oovTokens)),
    bitsPerCharacter: bits / text.characters,
    bitsPerByte: bits / text.bytes,
  };
}

/** In double precision: a float32 sum of a million losses would be off in the third digit. */
function sum(losses: Float32Array): number {
  let total = 0;
  for (const loss of losses) total += loss;
  return total;
}
