/** By what convention `eval` scores a text: as one stream, as several, or line by line. */
import type { EvalOptions } from '../config/commands.ts';
import { sliceOf, TokenArray, type TokenSequence } from '../data/token-sequence.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { type ScoringOptions, scoreTokens } from '../evaluation/evaluate.ts';
import { scoreLines } from '../evaluation/score-lines.ts';
import { scoreStreams } from '../evaluation/score-streams.ts';
import type { ScoringModel } from '../evaluation/score-window.ts';
import { scoredSize, sizeOfLines, type TextSize } from '../evaluation/text-size.ts';
import { lineStartOf, tokenLines } from '../evaluation/token-lines.ts';
import { turnEventLoop } from '../event-loop.ts';
import type { ScoredText } from './eval-text.ts';
import { count } from './terminal.ts';

export interface Convention {
  /** In clauses, set off by `; `. */
  description: string;
  /** How many times the model begins from a state of zeros. */
  streams: number;
  /** What the scored tokens stand for. */
  size: TextSize;
  /** What is gone through without a new beginning, one after the other; the first token of each is not scored. */
  sequences(): AsyncIterable<TokenSequence>;
  /** Scores by a model as it is. */
  score(model: ScoringModel, options: ScoringOptions): Promise<void>;
}

/** @throws UserError `usage` for options that say different things */
export function assertOneConvention({ streams, resetPerLine }: EvalOptions): void {
  if (streams === 1 || !resetPerLine) return;
  throw new UserError(
    'usage',
    'expected at most one of --streams and --reset-per-line, found both',
    'Give --streams N for PyTorch’s convention, --reset-per-line for KenLM’s.',
  );
}

/**
 * The convention that the options ask for, for `text`.
 *
 * @throws UserError `corpus-too-short` if nothing would be scored, `line-end-missing` as `lineStartOf`
 */
export async function conventionFor(
  text: ScoredText,
  tokenizer: Tokenizer,
  options: EvalOptions,
  signal: AbortSignal,
): Promise<Convention> {
  if (options.resetPerLine) return lineByLine(text, tokenizer);
  const { streams } = options;
  assertLongEnough(text, streams);
  const size = await scoredSize(text, tokenizer, { streams, signal });
  return streams === 1 ? oneStream(text, size) : severalStreams(text, streams, size);
}

/** Whether each stream has a token to score. */
export function isLongEnough({ part }: ScoredText, streams: number): boolean {
  return part.tokens >= 2 * streams;
}

function assertLongEnough(text: ScoredText, streams: number): void {
  if (isLongEnough(text, streams)) return;
  const [which, hint] =
    streams === 1
      ? ['the first', 'Name a longer text with --text FILE.']
      : ['the first of each stream', 'Name a longer text with --text FILE, or fewer --streams.'];
  throw new UserError(
    'corpus-too-short',
    `${text.label}: expected at least ${2 * streams} tokens, since ${which} is not scored, found ` +
      `${text.part.tokens}`,
    hint,
  );
}

function oneStream({ part: { sequence } }: ScoredText, size: TextSize): Convention {
  return {
    description:
      'exp(total nats / scored tokens); every token but the first; one stream, state carried from zeros',
    streams: 1,
    size,
    async *sequences() {
      yield sequence;
    },
    score: ({ config, weights, precision }, options) =>
      scoreTokens(config, weights, sequence, { ...options, precision }),
  };
}

function severalStreams(
  { part: { sequence } }: ScoredText,
  streams: number,
  size: TextSize,
): Convention {
  const length = Math.floor(sequence.length / streams);
  const trimmed = sequence.length - streams * length;
  return {
    description:
      'exp(total nats / scored tokens); every token but the first of each stream; ' +
      `${count(streams)} streams of ${count(length)} tokens, state carried from zeros; ` +
      `${count(trimmed)} tokens trimmed; as PyTorch’s word_language_model example`,
    streams,
    size,
    async *sequences() {
      for (let i = 0; i < streams; i++) yield sliceOf(sequence, i * length, length);
    },
    score: (model, options) => scoreStreams(model, sequence, streams, options),
  };
}

async function lineByLine({ chunks }: ScoredText, tokenizer: Tokenizer): Promise<Convention> {
  lineStartOf(tokenizer);
  const { lines, ...size } = await sizeOfLines(chunks());
  return {
    description:
      'exp(total nats / scored tokens); every token of each line and its end; ' +
      'each line from zeros, a line end read first; as KenLM’s query',
    streams: lines,
    size,
    async *sequences() {
      for await (const group of tokenLines(chunks(), tokenizer)) {
        for (const { ids, context } of group) yield new TokenArray(ids.subarray(context - 1));
      }
    },
    async score(model, { onLosses, onProgress, signal }) {
      let line = 0;
      for await (const group of tokenLines(chunks(), tokenizer)) {
        const losses = await scoreLines(model, group, async () => {
          await turnEventLoop();
          signal?.throwIfAborted();
        });
        for (const [i, { ids, context }] of group.entries()) {
          line += 1;
          const targets = ids.subarray(context);
          await onLosses({ line, start: 1, targets, losses: losses[i] as Float32Array });
        }
        onProgress?.(line / lines);
      }
    },
  };
}
