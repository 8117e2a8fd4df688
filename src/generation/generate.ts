/** Makes text: a model that reads a prompt and goes on from it, token by token. */
import type { Tokenizer } from '../data/tokenizer.ts';
import type { Weights } from '../model/language-model.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { Stepper } from '../model/stepper.ts';
import type { Random } from '../random.ts';
import { type ChoiceOptions, chooseToken } from './choose-token.ts';

export interface GenerateOptions extends ChoiceOptions {
  /** Tokens to make, at most. */
  length: number;
  /** End before this text. */
  stop?: string | undefined;
}

/** Tokens of a prompt that are read at once: memory does not grow with it. */
const READ_AT_ONCE = 1024;

/** A piece of text as it is made. */
export interface GeneratedPiece {
  text: string;
  /**
   * −log p, by the model itself whatever temperature and filters did, of the token that brought the
   * piece; absent for text that was only held back, and while a long prompt is read.
   */
  nats?: number;
}

/**
 * Goes on from a prompt.
 *
 * Pieces hold the new text only, and whole characters: a token that ends within one brings no text, and
 * what is no character at last comes as U+FFFD. With `stop`, text is held back while it may be the
 * beginning of the stop text. The token at which a text ends makes an end, and shows nothing. Stopping
 * the iteration early releases what the generator holds.
 *
 * @param prompt token ids to read first; none: as at the start of a line
 */
export function* generate(
  config: ModelConfig,
  weights: Weights,
  tokenizer: Tokenizer,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
  random: Random,
): Generator<GeneratedPiece, void, void> {
  const context = prompt.length > 0 ? Int32Array.from(prompt) : lineStart(tokenizer);
  const stepper = new Stepper(config, weights);
  const held = new StopBuffer(options.stop);
  const decoder = tokenizer.decoder();
  // What comes after the prompt may depend on how that ends, as the space between two words does.
  for (let i = 0; i < prompt.length; i++) decoder.push(prompt[i]!);
  try {
    let logProbabilities: Float32Array = new Float32Array();
    for (let start = 0; start < context.length; start += READ_AT_ONCE) {
      if (start > 0) yield { text: '' };
      logProbabilities = stepper.read(context.subarray(start, start + READ_AT_ONCE));
    }
    for (let i = 0; i < options.length; i++) {
      const id = chooseToken(logProbabilities, options, random, tokenizer.unknownId);
      const nats = -(logProbabilities[id] as number);
      const { text, stopped } = held.push(decoder.push(id));
      yield { text, nats };
      if (stopped) return;
      if (id === tokenizer.endOfTextId) break;
      if (i + 1 < options.length) logProbabilities = stepper.read(Int32Array.of(id));
    }
    const { text, stopped } = held.push(decoder.end());
    const rest = stopped ? text : text + held.flush();
    if (rest) yield { text: rest };
  } finally {
    stepper.dispose();
  }
}

/** The token after which a line starts, or else a text, or else the vocabulary's first. */
function lineStart(tokenizer: Tokenizer): Int32Array {
  const ids = tokenizer.encode('\n');
  if (ids.length === 1 && ids[0] !== tokenizer.unknownId) return ids;
  return Int32Array.of(tokenizer.endOfTextId ?? 0);
}

/** Holds back text that may turn out to begin the stop text. */
class StopBuffer {
  readonly #stop: string | undefined;
  #held = '';

  constructor(stop: string | undefined) {
    this.#stop = stop;
  }

  push(piece: string): { text: string; stopped: boolean } {
    if (this.#stop === undefined) return { text: piece, stopped: false };
    const all = this.#held + piece;
    const at = all.indexOf(this.#stop);
    if (at >= 0) {
      this.#held = '';
      return { text: all.slice(0, at), stopped: true };
    }
    let hold = Math.min(this.#stop.length - 1, all.length);
    while (hold > 0 && !this.#stop.startsWith(all.slice(all.length - hold))) hold -= 1;
    this.#held = all.slice(all.length - hold);
    return { text: all.slice(0, all.length - hold), stopped: false };
  }

  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }
}
