/** Looks for the likeliest texts: beam search, without chance. Shapes: V vocabulary size. */
import type { Tokenizer } from '../data/tokenizer.ts';
import { Stepper } from '../model/stepper.ts';
import { boundaryOf } from './boundary.ts';
import { StopTexts, stopTextsFor } from './stop-texts.ts';
import { readAll, type TextModel, type TextState } from './text-model.ts';
import { decoderAfter, type StreamOptions } from './text-stream.ts';

export interface BeamOptions extends StreamOptions {
  /** Unfinished texts that are kept after each token. */
  beams: number;
  /** How many of the likeliest texts are wanted, at most as many. */
  wanted: number;
  /** Tokens that no text may have. */
  banned?: ReadonlySet<number> | undefined;
}

/** A text that was found. */
export interface FoundText {
  readonly text: string;
  readonly ids: number[];
  /** The sum of −log p of its tokens, by the model itself. */
  readonly nats: number;
}

/** The tokens of a text, the last one first. */
interface Chain {
  readonly id: number;
  readonly before: Chain | undefined;
}

interface Beam {
  readonly chain: Chain | undefined;
  readonly nats: number;
  /** The end of its text, in which a stop text may have begun. */
  readonly tail: string;
}

interface Extension extends Beam {
  /** The number of the beam that it is one token longer than. */
  readonly parent: number;
}

/** Tokens of a chain that say how the next one is decoded. */
const DECODED_BEFORE = 32;

/**
 * Finds likely texts from `start` on. A text is complete with the end of a document or of a stop text, or when
 * it has `length` tokens. After each token the `beams` likeliest unfinished texts are gone on from; complete
 * ones that are likelier than the last of these are kept aside. Texts of different length are compared by
 * the probability of all of their tokens, so that none becomes likelier by going on. Of equally likely
 * ones, those of the earlier beam and the lower id come first.
 *
 * The search ends once no unfinished text can become one of those that are wanted. With as many beams as
 * there are texts, it finds the likeliest of all.
 *
 * Yields after each token; stopping the iteration early releases what is held.
 *
 * @returns the likeliest first; fewer than wanted, where there are no more
 */
export function* searchBeams(
  model: TextModel,
  start: TextState,
  options: BeamOptions,
): Generator<void, FoundText[], void> {
  const { tokenizer, config } = model;
  const read = yield* readAll(model, start);
  const search = new Search(tokenizer, start, options);
  let beams: Beam[] = [{ chain: undefined, nats: 0, tail: start.held }];
  let logProbabilities = read.logProbabilities;
  let stepper: Stepper | undefined;
  try {
    for (let length = 1; ; length++) {
      const extensions = search.extend(beams, logProbabilities, length);
      beams = extensions;
      if (extensions.length === 0 || search.isOver(extensions[0]!.nats)) break;
      if (stepper) stepper.arrange(extensions.map(({ parent }) => parent));
      else
        stepper = new Stepper(
          config,
          model.weights,
          extensions.map(() => read.memory),
        );
      logProbabilities = stepper.read(Int32Array.from(extensions, ({ chain }) => chain!.id));
      yield;
    }
  } finally {
    stepper?.dispose();
  }
  return search.complete.map(({ chain, nats }) => {
    const ids = idsOf(chain);
    return { ids, nats, text: search.textOf(ids) };
  });
}

class Search {
  /** The likeliest complete texts, at most as many as are wanted, the likeliest first. */
  readonly complete: Beam[] = [];
  readonly #tokenizer: Tokenizer;
  readonly #start: TextState;
  readonly #options: BeamOptions;
  readonly #stops: readonly string[];
  readonly #tailLength: number;
  /** The ids that may be chosen. */
  #allowed = new Int32Array();

  constructor(tokenizer: Tokenizer, start: TextState, options: BeamOptions) {
    this.#tokenizer = tokenizer;
    this.#start = start;
    this.#options = options;
    this.#stops = stopTextsFor(tokenizer, options.stop);
    this.#tailLength = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
  }

  /**
   * The likeliest unfinished texts that are one token longer, the likeliest first; complete ones go to
   * `complete`.
   *
   * @param logProbabilities of what comes after each beam [beams · V]
   * @param length that of the longer texts, in tokens
   */
  extend(beams: readonly Beam[], logProbabilities: Float32Array, length: number): Extension[] {
    const V = logProbabilities.length / beams.length;
    const { beams: mostUnfinished, wanted } = this.#options;
    const isLast = length === this.#options.length;
    // Complete ones among them may make it necessary to look at more.
    for (let most = 2 * mostUnfinished; ; most *= 2) {
      const candidates = beams
        .flatMap((beam, parent) => {
          const scores = logProbabilities.subarray(parent * V, (parent + 1) * V);
          return this.#likeliest(scores, most).map((id) => ({
            id,
            parent,
            nats: beam.nats - scores[id]!,
          }));
        })
        .sort((a, b) => a.nats - b.nats || a.parent - b.parent || a.id - b.id);
      // Behind these there may be some of a beam of which not all were looked at.
      const isAll = most >= V;
      const ranked = isAll ? candidates : candidates.slice(0, most);
      const { unfinished, complete } = this.#divide(beams, ranked, isLast);
      const isEnough = isLast ? complete.length === wanted : unfinished.length === mostUnfinished;
      if (isAll || isEnough) {
        for (const text of complete) this.#keep(text);
        return unfinished;
      }
    }
  }

  /** Whether no unfinished text can be among those that are wanted, if the likeliest has `nats`. */
  isOver(nats: number): boolean {
    const { wanted } = this.#options;
    return this.complete.length === wanted && this.complete.at(-1)!.nats <= nats;
  }

  /** The text of tokens after the start, up to a stop text. */
  textOf(ids: readonly number[]): string {
    const decoder = decoderAfter(this.#tokenizer, this.#start.tokens);
    const stops = new StopTexts(this.#stops, this.#start.held);
    const { text, stopped } = stops.push(ids.map((id) => decoder.push(id)).join(''));
    if (stopped) return text;
    const rest = stops.push(decoder.end());
    return text + rest.text + (rest.stopped ? '' : stops.takeHeld());
  }

  /** The ids of the `most` highest scores, in rising order, without those that may not be chosen. */
  #likeliest(scores: Float32Array, most: number): number[] {
    if (this.#allowed.length === 0) this.#allowed = this.#allowedOf(scores.length);
    if (this.#allowed.length <= most) return [...this.#allowed];
    const keys = scores.map((score) => -score);
    const boundary = boundaryOf(this.#allowed.slice(), keys, undefined, most);
    const key = keys[boundary]!;
    const found: number[] = [];
    for (const id of this.#allowed) {
      if (keys[id]! < key || (keys[id] === key && id <= boundary)) found.push(id);
    }
    return found;
  }

  #allowedOf(vocabularySize: number): Int32Array<ArrayBuffer> {
    const { banned } = this.#options;
    const { unknownId } = this.#tokenizer;
    return Int32Array.from({ length: vocabularySize }, (_, id) => id).filter(
      (id) => id !== unknownId && !banned?.has(id),
    );
  }

  /**
   * Goes down the ranking until there are as many unfinished texts as there may be, or as many complete ones
   * as are wanted if all are complete.
   */
  #divide(
    beams: readonly Beam[],
    ranked: readonly { id: number; parent: number; nats: number }[],
    isLast: boolean,
  ): { unfinished: Extension[]; complete: Extension[] } {
    const { beams: mostUnfinished, wanted } = this.#options;
    const unfinished: Extension[] = [];
    const complete: Extension[] = [];
    for (const { id, parent, nats } of ranked) {
      if (unfinished.length === mostUnfinished || (isLast && complete.length === wanted)) break;
      const { chain: before, tail } = beams[parent]!;
      const text = this.#stops.length > 0 ? tail + this.#added(before, id) : '';
      const isComplete =
        isLast ||
        id === this.#tokenizer.endOfTextId ||
        this.#stops.some((stop) => text.includes(stop));
      const extension = {
        ...{ chain: { id, before }, nats, parent },
        tail: text.slice(Math.max(0, text.length - this.#tailLength)),
      };
      (isComplete ? complete : unfinished).push(extension);
    }
    return { unfinished, complete };
  }

  /** What a token adds to the text. */
  #added(before: Chain | undefined, id: number): string {
    const { tokens } = this.#start;
    const last = lastOf(before, DECODED_BEFORE);
    const decoder = decoderAfter(this.#tokenizer, [...tokens.slice(-DECODED_BEFORE), ...last]);
    return decoder.push(id);
  }

  #keep(text: Beam): void {
    const place = this.complete.findIndex(({ nats }) => nats > text.nats);
    this.complete.splice(place < 0 ? this.complete.length : place, 0, text);
    this.complete.length = Math.min(this.complete.length, this.#options.wanted);
  }
}

/** The last tokens of a chain, at most `most`, in their order. */
function lastOf(chain: Chain | undefined, most: number): number[] {
  const ids: number[] = [];
  for (let link = chain; link && ids.length < most; link = link.before) ids.push(link.id);
  return ids.reverse();
}

function idsOf(chain: Chain | undefined): number[] {
  return lastOf(chain, Number.POSITIVE_INFINITY);
}
