/** The JavaScript module that comes with a model for a browser, which runs in Node as well. */
import type { GraphModel } from '@tensorflow/tfjs-converter';
import type * as tf from '@tensorflow/tfjs-core';

interface BrowserDecoder {
  push(id: number): string;
  end(): string;
}

export interface BrowserTokenizer {
  readonly vocabularySize: number;
  readonly unknownId: number;
  readonly endOfTextId: number;
  readonly lowercase: boolean;
  encode(text: string): number[];
  decoder(): BrowserDecoder;
  findUnknown(text: string): string | undefined;
}

interface Choice {
  temperature?: number;
  topK?: number;
  topP?: number;
  greedy?: boolean;
}

interface GenerateOptions extends Choice {
  length?: number;
  stop?: readonly string[];
  seed?: number;
  signal?: AbortSignal;
}

export interface BrowserPassage {
  readonly made: number;
  readonly rest: string;
  add(text: string): void;
  generate(options?: GenerateOptions): AsyncGenerator<string, void, void>;
  dispose(): void;
}

interface BrowserModule {
  tokenizerFrom(json: unknown, metadata?: object): BrowserTokenizer;
  decode(tokenizer: BrowserTokenizer, ids: ArrayLike<number>): string;
  TokenChooser: new (
    options?: Choice,
    banned?: number,
  ) => { choose(scores: ArrayLike<number>, place: number): number };
  TextModel: new (
    tensorflow: typeof tf,
    graph: GraphModel,
    tokenizer: BrowserTokenizer,
  ) => {
    passage(): BrowserPassage;
    generate(prompt: string, options?: GenerateOptions): AsyncGenerator<string, void, void>;
  };
}

const directory = new URL('../../src/export/tfjs/browser/gru-lm/', import.meta.url);

const load = (file: string) => import(new URL(file, directory).href);

export const browserModule = (await load('gru-lm.js')) as BrowserModule;
export const browserRandom = (await load('random.js')) as {
  Random: new (seed: number) => { uniform(): number };
};
export const browserStops = (await load('stop-texts.js')) as {
  StopTexts: new (
    stops: readonly string[],
    held?: string,
  ) => { push(piece: string): { text: string; stopped: boolean }; takeHeld(): string };
};
