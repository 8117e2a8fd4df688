/** What `eval --per-token` prints: a line for each scored token. */
import type { Tokenizer } from '../data/tokenizer.ts';
import type { ScoredTokens } from '../evaluation/evaluate.ts';
import { outputTaken, printJsonLines, printText } from './terminal.ts';

/** Lines that are printed at once. */
const LINES = 1024;

/** What is known of a token, in the order of the columns. */
interface TokenFigures {
  token: string;
  id: number;
  /** Where lines are scored by themselves. */
  line?: number;
  place: number;
  nats: number;
}

/**
 * Prints a line that names the columns, unless for `json`, and returns what prints tokens as they are
 * scored, to be given as `onLosses`.
 *
 * @param byLine whether lines are scored by themselves
 */
export function startTokens(
  tokenizer: Tokenizer,
  { json, byLine }: { json: boolean; byLine: boolean },
  signal: AbortSignal,
): (scored: ScoredTokens) => Promise<void> {
  const columns = ['token', 'id', ...(byLine ? ['line'] : []), 'place', 'nats'];
  if (!json) printText(`${columns.join('\t')}\n`);
  return async (scored) => {
    const { length } = scored.losses;
    for (let start = 0; start < length; start += LINES) {
      const count = Math.min(LINES, length - start);
      const rows = Array.from({ length: count }, (_, i) => figuresOf(scored, start + i, tokenizer));
      if (json) printJsonLines(rows);
      else printText(rows.map((row) => `${Object.values(row).join('\t')}\n`).join(''));
      await outputTaken(signal);
    }
  };
}

function figuresOf(
  { start, line, targets, losses }: ScoredTokens,
  i: number,
  tokenizer: Tokenizer,
): TokenFigures {
  const id = targets[i] as number;
  return {
    token: tokenizer.token(id),
    id,
    ...(line === undefined ? {} : { line }),
    place: start + i,
    // As many digits as tell one float32 from the next.
    nats: Number((losses[i] as number).toPrecision(9)),
  };
}
