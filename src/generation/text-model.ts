/** What makes text, and from where it goes on. */
import type { Tokenizer } from '../data/tokenizer.ts';
import type { Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { Stepper, type StreamState } from '../model/stepper.ts';

/** A model and what its tokens are. The weights must live as long as it is used. */
export interface TextModel {
  config: ModelConfig;
  weights: Weights;
  tokenizer: Tokenizer;
}

/** A place in a text, from which it can be gone on. */
export interface TextState {
  /** What the model remembers of what it has read; undefined: it has read nothing. */
  readonly memory: StreamState | undefined;
  /** Token ids that it is to read before it can say what comes next; at least one. */
  readonly unread: readonly number[];
  /** The last tokens of the text, {@link TOKENS_KEPT} at most; what is no part of it is not among them. */
  readonly tokens: readonly number[];
  /** The end of the text, where it was not shown since it may begin a stop text. */
  readonly held: string;
}

/** As many as any option asks for. */
export const TOKENS_KEPT = 4096;

/** Tokens of a prompt that are read at once: memory does not grow with it. */
const READ_AT_ONCE = 1024;

/** The place after a prompt. @param ids none: as at the start of a line */
export function afterPrompt(tokenizer: Tokenizer, ids: ArrayLike<number>): TextState {
  const tokens = Array.from(ids);
  return {
    memory: undefined,
    unread: tokens.length > 0 ? tokens : [lineStart(tokenizer)],
    tokens: tokens.slice(-TOKENS_KEPT),
    held: '',
  };
}

/** The place after some more tokens. What was held back is shown before them, and no part of what comes. */
export function withTokens(state: TextState, ids: ArrayLike<number>): TextState {
  const added = Array.from(ids);
  return {
    memory: state.memory,
    unread: [...state.unread, ...added],
    tokens: [...state.tokens, ...added].slice(-TOKENS_KEPT),
    held: '',
  };
}

/**
 * Lets a stepper of one stream read `ids`; yields now and then, for whoever wants to stop it.
 *
 * @param onRead told how many have been read so far
 * @param atOnce how many are read before it yields
 * @returns the logarithms of the probabilities [V] of what comes next
 */
export function* readTokens(
  stepper: Stepper,
  ids: readonly number[],
  onRead: (count: number) => void = () => {},
  atOnce = READ_AT_ONCE,
): Generator<void, Float32Array, void> {
  let logProbabilities: Float32Array = new Float32Array();
  for (let start = 0; start < ids.length; start += atOnce) {
    if (start > 0) yield;
    const some = ids.slice(start, start + atOnce);
    logProbabilities = stepper.read(Int32Array.from(some));
    onRead(start + some.length);
  }
  return logProbabilities;
}

/** As {@link readTokens}, and tells of each token. */
function* readEachToken(
  stepper: Stepper,
  ids: readonly number[],
  onTokenRead: OnTokenRead,
  atOnce = READ_AT_ONCE,
): Generator<void, Float32Array, void> {
  let logProbabilities: Float32Array = new Float32Array();
  onTokenRead(0, undefined);
  for (let start = 0; start < ids.length; start += atOnce) {
    if (start > 0) yield;
    const some = Int32Array.from(ids.slice(start, start + atOnce));
    logProbabilities = stepper.readEach(some, (place, scores) => {
      const next = start + place + 1;
      if (next < ids.length) onTokenRead(next, scores);
    });
  }
  return logProbabilities;
}

/** A place where nothing is unread, and the logarithms of the probabilities [V] of what comes next. */
export interface ReadState {
  memory: StreamState;
  logProbabilities: Float32Array;
}

/** Told of a token that is read: its place among them, and the log p [V] by which it came; undefined for the first. */
export type OnTokenRead = (place: number, logProbabilities: Float32Array | undefined) => void;

/**
 * Reads what is unread at a place, for several texts that go on from there.
 *
 * @param atOnce as for {@link readTokens}
 */
export function* readAll(
  { config, weights }: TextModel,
  { memory, unread }: TextState,
  atOnce?: number,
  onTokenRead?: OnTokenRead,
): Generator<void, ReadState, void> {
  const stepper = new Stepper(config, weights, [memory]);
  try {
    const logProbabilities = onTokenRead
      ? yield* readEachToken(stepper, unread, onTokenRead, atOnce)
      : yield* readTokens(stepper, unread, undefined, atOnce);
    return { memory: stepper.states()[0]!, logProbabilities };
  } finally {
    stepper.dispose();
  }
}

/** The token after which a line starts, or else a text, or else the vocabulary's first. */
function lineStart(tokenizer: Tokenizer): number {
  const ids = tokenizer.encode('\n');
  if (ids.length === 1 && ids[0] !== tokenizer.unknownId) return ids[0]!;
  return tokenizer.endOfTextId ?? 0;
}
