/**
 * Makes text with a model that `gru-lm export --format tfjs` wrote, in a browser or wherever TensorFlow.js runs.
 *
 *     import { loadModel } from './gru-lm/gru-lm.js';
 *
 *     const model = await loadModel(tf, './model/model.json');
 *     for await (const piece of model.generate('ROMEO:', { length: 200, temperature: 0.8 })) {
 *       output.append(piece);
 *     }
 *
 * `tf` is TensorFlow.js, of version 4: whatever build of it has `loadGraphModel` and a backend.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */
import { Random } from './random.js';
import { StopTexts, stopTextsFor } from './stop-texts.js';
import { TokenChooser } from './token-chooser.js';
import { tokenizerFrom } from './tokenizers.js';

export { TokenChooser } from './token-chooser.js';
export { decode, tokenizerFrom } from './tokenizers.js';

/** @typedef {import('./tokenizers.js').Tokenizer} Tokenizer */

/**
 * @typedef {object} TextOptions
 * @property {number} [length] tokens to make at most; default 500
 * @property {readonly string[]} [stop] end before the first of these texts
 * @property {number} [seed] the same seed gives the same text; default: a new one each time
 * @property {AbortSignal} [signal] end where the text is when it is aborted
 */

/** @typedef {TextOptions & import('./token-chooser.js').ChoiceOptions} GenerateOptions */

/**
 * Loads a model, and the tokenizer.json beside it.
 *
 * @param {any} tf TensorFlow.js
 * @param {string | URL} url where model.json is, from the page that asks
 * @param {{ onProgress?: (share: number) => void }} [options]
 */
export async function loadModel(tf, url, { onProgress } = {}) {
  const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  const tokenizerAddress = new URL('tokenizer.json', address);
  const [graph, response] = await Promise.all([
    tf.loadGraphModel(address.href, { onProgress }),
    fetch(tokenizerAddress),
  ]);
  if (!response.ok)
    throw new Error(`${tokenizerAddress}: expected a file, found ${response.status}`);
  return new TextModel(tf, graph, tokenizerFrom(await response.json(), graph.metadata));
}

export class TextModel {
  /** @readonly */
  tf;
  /** What `tf.loadGraphModel` gave. @readonly */
  graph;
  /** @readonly */
  tokenizer;

  /**
   * For a model that was loaded in another way than by {@link loadModel}.
   *
   * @param {any} tf TensorFlow.js
   * @param {any} graph from `tf.loadGraphModel`
   * @param {Tokenizer} tokenizer from {@link tokenizerFrom}
   */
  constructor(tf, graph, tokenizer) {
    this.tf = tf;
    this.graph = graph;
    this.tokenizer = tokenizer;
  }

  /**
   * The name of the run, its step, and what it is made of, where the export has them.
   *
   * @returns {Record<string, any>}
   */
  get metadata() {
    return this.graph.metadata ?? {};
  }

  /** A text at its beginning, to be added to and gone on with in turn. */
  passage() {
    return new Passage(this);
  }

  /**
   * Goes on from a prompt, piece by piece. Leaving the loop early is fine.
   *
   * @param {string} prompt '': as at the start of a line
   * @param {GenerateOptions} [options]
   */
  async *generate(prompt, options) {
    const passage = this.passage();
    try {
      passage.add(prompt);
      yield* passage.generate(options);
      if (passage.rest) yield passage.rest;
    } finally {
      passage.dispose();
    }
  }

  dispose() {
    this.graph.dispose();
  }
}

/** Tokens whose text tells how the next one is to be decoded. */
const DECODED_BEFORE = 64;

/** A page draws and answers between two stretches of work that are so long. */
const STRETCH_MS = 12;

/** A text, of which the model remembers what it has read until {@link Passage.dispose}. */
export class Passage {
  #model;
  /** By their names; undefined before the first token. @type {Record<string, any> | undefined} */
  #states;
  /** Ids that the model has not read yet. @type {number[]} */
  #unread = [];
  /** The last ids. @type {number[]} */
  #last = [];
  /** The end of the text, where it was not given since it may begin a stop text. */
  #held = '';
  #rest = '';
  #made = 0;
  #isBusy = false;
  #rested = 0;

  /** @param {TextModel} model */
  constructor(model) {
    this.#model = model;
  }

  /** How many tokens the model has made of it. */
  get made() {
    return this.#made;
  }

  /**
   * What the last `generate` held back at the end: what may begin a stop text, and half a character, which is U+FFFD
   * here. The next one gives what becomes of it, so this is the end of a text with which nobody goes on.
   */
  get rest() {
    return this.#rest;
  }

  /**
   * Puts a text after what is there. The {@link Passage.rest} is no part of what comes then.
   *
   * @param {string} text
   */
  add(text) {
    const ids = this.#model.tokenizer.encode(text);
    if (ids.length === 0) return;
    [this.#held, this.#rest] = ['', ''];
    for (const id of ids) this.#push(id);
  }

  /**
   * Goes on with the text, piece by piece: whole characters only. It ends after so many tokens, at a stop text,
   * where the model ends a document, or when the signal is aborted; what is there can be gone on with then, also
   * after leaving the loop. What may begin a stop text, and half a character, wait for the next call.
   *
   * @param {GenerateOptions} [options]
   * @returns {AsyncGenerator<string, void, void>}
   */
  async *generate({ length = 500, stop = [], seed, signal, ...choice } = {}) {
    if (this.#isBusy) throw new Error('expected one generate at a time of a passage, found two');
    const { tokenizer } = this.#model;
    const chooser = new TokenChooser(choice, tokenizer.unknownId);
    const random = new Random(seed ?? Math.floor(Math.random() * 2 ** 32));
    const stopTexts = stopTextsFor(tokenizer, stop);
    const stops = new StopTexts(stopTexts, this.#held);
    const decoder = tokenizer.decoder();
    for (const id of this.#last) decoder.push(id);
    let isEnded = false;
    this.#isBusy = true;
    this.#rest = '';
    try {
      if (this.#unread.length === 0) this.#unread = [this.#lineStart()];
      this.#rested = performance.now();
      for (let count = 0; count < length && !isEnded; count += 1) {
        const scores = await this.#read(signal);
        if (!scores) break;
        const id = chooser.choose(scores, random.uniform());
        this.#push(id);
        this.#made += 1;
        const { text, stopped } = stops.push(decoder.push(id));
        isEnded = stopped || id === tokenizer.endOfTextId;
        // No stop text lies across two documents.
        const piece = isEnded ? text + stops.takeHeld() : text;
        if (piece) yield piece;
      }
    } finally {
      this.#held = stops.takeHeld();
      if (!isEnded) this.#rest = restOf(decoder, new StopTexts(stopTexts, this.#held));
      this.#isBusy = false;
    }
  }

  /** Frees what the model remembers. */
  dispose() {
    this.#model.tf.dispose(this.#states ?? []);
    this.#states = undefined;
  }

  /** @param {number} id */
  #push(id) {
    this.#unread.push(id);
    this.#last.push(id);
    if (this.#last.length > DECODED_BEFORE) this.#last.shift();
  }

  /**
   * Lets the model read what it has not.
   *
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<Float32Array | undefined>} the scores [V] of what comes next; undefined: it was aborted
   */
  async #read(signal) {
    for (;;) {
      if (performance.now() - this.#rested > STRETCH_MS) {
        await new Promise((resolve) => setTimeout(resolve));
        this.#rested = performance.now();
      }
      if (signal?.aborted) return undefined;
      const logits = this.#step(/** @type {number} */ (this.#unread.shift()));
      const scores = this.#unread.length === 0 ? await logits.data() : undefined;
      logits.dispose();
      if (scores) return scores;
    }
  }

  /** @param {number} id */
  #step(id) {
    const { tf, graph } = this.#model;
    this.#states ??= zeroStates(tf, graph);
    const tokens = tf.tensor1d([id], 'int32');
    const { logits, ...states } = graph.predict({ tokens, ...this.#states });
    tf.dispose([tokens, this.#states]);
    this.#states = states;
    return logits;
  }

  /** The id after which a line starts, or else a text, or else the vocabulary's first. */
  #lineStart() {
    const { encode, unknownId, endOfTextId } = this.#model.tokenizer;
    const ids = encode.call(this.#model.tokenizer, '\n');
    if (ids.length === 1 && ids[0] !== unknownId) return ids[0];
    return Math.max(0, endOfTextId);
  }
}

/**
 * What was held back of a text, if nothing comes after it.
 *
 * @param {import('./tokenizers.js').Decoder} decoder
 * @param {StopTexts} stops
 */
function restOf(decoder, stops) {
  const { text, stopped } = stops.push(decoder.end());
  return stopped ? text : text + stops.takeHeld();
}

/**
 * What a model remembers where a text begins.
 *
 * @param {any} tf
 * @param {any} graph
 * @returns {Record<string, any>}
 */
function zeroStates(tf, graph) {
  return Object.fromEntries(
    graph.inputs
      .filter((/** @type {any} */ { name }) => name !== 'tokens')
      .map((/** @type {any} */ { name, shape }) => [name, tf.zeros([1, shape[1]])]),
  );
}
