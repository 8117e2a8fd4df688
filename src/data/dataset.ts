/**
 * The texts of a run as tokens: opened, split, put through a tokenizer that is learned from the training
 * part unless it is given, and kept on disk, from where they are read in windows. What was done before
 * for the same bytes and options is not done again.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { PartEncoder, type PartSize } from './encode-text.ts';
import { measureText, type TextMeasure } from './measure-text.ts';
import { OverlapProbe } from './overlap.ts';
import { type DataRecord, recordSources } from './record.ts';
import { smallParts } from './small-parts.ts';
import {
  type Part,
  type PartChunk,
  planSplit,
  type SplitBoundary,
  type SplitOptions,
  splitChunks,
} from './split.ts';
import { runStepsWithPauses } from './steps.ts';
import type { TextChunks } from './text-chunk.ts';
import { openText, type TextOptions, type TextSource } from './text-source.ts';
import type { TokenWriter } from './token-entry.ts';
import type { TokenSequence } from './token-sequence.ts';
import { openTokens } from './token-store.ts';
import { createTrainer, type Tokenizer, type TokenizerKind } from './tokenizer.ts';
import type { TokenizerTrainer, VocabularyOptions } from './tokenizer-types.ts';
import { type LearnedTokenizer, learnOnce } from './vocabulary-cache.ts';

/** Where the texts are, how they are split, and what a token is. */
export interface DatasetOptions extends Omit<TextOptions, 'raw'>, VocabularyOptions {
  readonly corpus: readonly string[];
  /** Texts of their own for validation and test. */
  readonly valid?: string | undefined;
  readonly test?: string | undefined;
  /** Shares of the corpus; see `planSplit`. */
  readonly validSplit?: number | undefined;
  readonly testSplit?: number | undefined;
  readonly tokenizer: TokenizerKind;
}

export interface DatasetContext {
  /** Where hashes, vocabularies and tokens are kept. */
  readonly cacheDirectory: string;
  readonly standardInput?: Readable | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DatasetProgress) => void) | undefined;
  /** The tokenizer, where it is not to be learned. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Texts whose names no user gave, but a checkpoint: see `filesOnly` of `openText`. Default none. */
  readonly recorded?: readonly TextName[] | undefined;
}

export type TextName = 'corpus' | 'valid' | 'test';

/** What is being done, and the share of it that is done, in [0, 1]. */
export interface DatasetProgress {
  readonly phase: 'reading' | 'vocabulary' | 'encoding';
  readonly share: number;
}

/** How many passages of held-out text were looked for in the training text, and found. */
export type OverlapFigures = { readonly probed: number; readonly found: number };

/** A part of the text, as tokens. */
export type TokenizedPart = PartSize & { readonly sequence: TokenSequence };

export interface Dataset {
  readonly tokenizer: Tokenizer;
  /** `train` is always there. */
  readonly parts: ReadonlyMap<Part, TokenizedPart>;
  /** How many passages of the held-out parts also stand in the training part. */
  readonly overlap: OverlapFigures;
  /** What a user should know of how the vocabulary was chosen. */
  readonly notices: readonly string[];
  readonly record: DataRecord;
  /** Releases files; the sequences are not to be read after it. */
  close(): Promise<void>;
}

/** Raise it when the same text and options come to mean other tokens. */
const KEY_VERSION = 1;

/**
 * Opens the texts that `options` name, for a run in `runDirectory`.
 *
 * Throws a UserError for texts that cannot be read (see `openText`), split (see `planSplit`) or learned
 * from (see `createTrainer`), and the reason of `signal` once that is aborted.
 */
export async function openDataset(
  options: DatasetOptions,
  runDirectory: string,
  context: DatasetContext,
): Promise<Dataset> {
  const texts = await openTexts(options, context);
  try {
    const preparation = new Preparation(options, texts, context);
    const { tokenizer, notices } = context.tokenizer
      ? { tokenizer: context.tokenizer, notices: [] }
      : await preparation.learnTokenizer();
    const tokens = await preparation.encode(tokenizer);
    const record = {
      corpus: recordSources(texts.corpus.sources, runDirectory),
      valid: recordSources(texts.valid?.sources ?? [], runDirectory),
      test: recordSources(texts.test?.sources ?? [], runDirectory),
    };
    return { tokenizer, notices, record, ...tokens };
  } finally {
    await closeTexts(texts);
  }
}

/** The texts of a run: the corpus, and those that validation and test have of their own. */
type Texts = {
  readonly corpus: TextSource;
  readonly valid?: TextSource;
  readonly test?: TextSource;
};

async function openTexts(options: DatasetOptions, context: DatasetContext): Promise<Texts> {
  const { cacheDirectory, standardInput, signal, onProgress, recorded } = context;
  const open = (name: TextName, operands: readonly string[]) =>
    openText(
      operands,
      { ...options, raw: kindOf(options, context) === 'byte' },
      {
        standardInput,
        signal,
        hashDirectory: join(cacheDirectory, 'hashes'),
        onProgress: (done, total) => onProgress?.({ phase: 'reading', share: done / total }),
        filesOnly: recorded?.includes(name),
      },
    );
  const texts: { corpus: TextSource; valid?: TextSource; test?: TextSource } = {
    corpus: await open('corpus', options.corpus),
  };
  try {
    for (const part of HELD_OUT) {
      const operand = options[part];
      if (operand !== undefined) texts[part] = await open(part, [operand]);
    }
    return texts;
  } catch (error) {
    await closeTexts(texts);
    throw error;
  }
}

async function closeTexts({ corpus, valid, test }: Texts): Promise<void> {
  for (const text of [corpus, valid, test]) await text?.close();
}

/** The steps from opened texts to tokens; a step that others need is taken once. */
class Preparation {
  readonly #options: DatasetOptions;
  readonly #texts: Texts;
  readonly #context: DatasetContext;
  readonly #split: SplitOptions;
  /** Stands for the texts and how they are split. */
  readonly #key: string;
  #measured: Promise<TextMeasure> | undefined;

  constructor(options: DatasetOptions, texts: Texts, context: DatasetContext) {
    this.#options = options;
    this.#texts = texts;
    this.#context = context;
    this.#split = {
      // What has a text of its own takes nothing of the corpus.
      validSplit: texts.valid ? 0 : options.validSplit,
      testSplit: texts.test ? 0 : options.testSplit,
      boundary: BOUNDARIES[kindOf(options, context)],
    };
    const keys = [texts.corpus, texts.valid, texts.test].map((text) => text?.key ?? null);
    this.#key = keyOf({ texts: keys, split: this.#split });
  }

  /** The tokenizer of the training part. */
  learnTokenizer(): Promise<LearnedTokenizer> {
    const { tokenizer: kind, vocabularySize, minCount, lowercase, wordSplit } = this.#options;
    const learning = { kind, vocabularySize, minCount, lowercase, wordSplit };
    const directory = join(this.#context.cacheDirectory, 'vocabularies');
    return learnOnce(directory, keyOf({ text: this.#key, learning }), async () => {
      const { documents } = await this.#measure();
      const trainer = createTrainer({ ...learning, endOfText: documents > 1 });
      let isFirst = true;
      for await (const { part, chunk } of this.#corpusParts('vocabulary')) {
        if (part !== 'train') break;
        if (chunk.startsDocument && !isFirst) trainer.endDocument();
        isFirst = false;
        await runStepsWithPauses(writing(trainer, chunk.bytes), this.#context.signal);
      }
      trainer.endDocument();
      const tokenizer = trainer.finishInSteps
        ? await runStepsWithPauses(trainer.finishInSteps(), this.#context.signal)
        : trainer.finish();
      return { tokenizer, notices: trainer.notices };
    });
  }

  /** The texts as tokens, which are those of an earlier time where it had the same. */
  async encode(tokenizer: Tokenizer): Promise<Pick<Dataset, 'parts' | 'overlap' | 'close'>> {
    const { cacheDirectory, signal } = this.#context;
    const stored = await openTokens<Tokens>(
      join(cacheDirectory, 'tokens'),
      keyOf({ text: this.#key, tokenizer: tokenizer.toJSON() }),
      (writer) => this.#writeTokens(tokenizer, writer),
      { signal },
    );
    const { sizes, overlap } = stored.meta;
    const parts = new Map(
      PARTS.filter((part) => sizes[part]).map((part) => {
        const sequence = stored.parts.get(part) as TokenSequence;
        return [part, { ...(sizes[part] as PartSize), sequence }];
      }),
    );
    return { parts, overlap, close: stored.close };
  }

  async #writeTokens(tokenizer: Tokenizer, writer: TokenWriter): Promise<Tokens> {
    const sizes: Partial<Record<Part, PartSize>> = {};
    let open: { part: Part; encoder: PartEncoder } | undefined;
    const endPart = async () => {
      if (open) sizes[open.part] = await open.encoder.end();
    };
    for await (const { part, chunk } of this.#allParts()) {
      if (part !== open?.part) {
        await endPart();
        await writer.begin(part, tokenizer.vocabularySize);
        open = { part, encoder: new PartEncoder(tokenizer, (ids) => writer.write(ids)) };
      }
      await open.encoder.write(chunk);
    }
    await endPart();
    const overlap = await writer.readBack((parts) => overlapOf(parts, this.#context.signal));
    return { sizes, overlap };
  }

  /** The chunks of all parts: those of the corpus, then what parts have as texts of their own. */
  async *#allParts(): AsyncGenerator<PartChunk> {
    yield* this.#corpusParts('encoding');
    for (const part of HELD_OUT) {
      const text = this.#texts[part];
      if (!text) continue;
      for await (const chunk of text.chunks(this.#context.signal)) yield { part, chunk };
    }
  }

  async *#corpusParts(phase: DatasetProgress['phase']): AsyncGenerator<PartChunk> {
    const { characters, bytes } = await this.#measure();
    const size = this.#split.boundary === 'byte' ? bytes : characters;
    yield* splitChunks(this.#chunks(phase), planSplit(size, this.#split));
  }

  #measure(): Promise<TextMeasure> {
    this.#measured ??= measureText(this.#chunks('reading'));
    return this.#measured;
  }

  #chunks(phase: DatasetProgress['phase']): TextChunks {
    const { signal, onProgress } = this.#context;
    return this.#texts.corpus.chunks(signal, (done, total) =>
      onProgress?.({ phase, share: total > 0 ? done / total : 0 }),
    );
  }
}

/** Hands bytes on to a trainer, for which those of a chunk may be long work. */
function* writing(trainer: TokenizerTrainer, bytes: Uint8Array): Generator<void, void, void> {
  for (const part of smallParts(bytes)) {
    trainer.write(part);
    yield;
  }
}

/** What is kept beside the tokens. */
type Tokens = {
  readonly sizes: { readonly [part in Part]?: PartSize };
  readonly overlap: OverlapFigures;
};

/** Parts that are not trained on. */
export const HELD_OUT = ['valid', 'test'] as const;
const PARTS = ['train', ...HELD_OUT] as const;

/** Where parts may be cut: not within what would be one token. */
const BOUNDARIES: Record<TokenizerKind, SplitBoundary> = {
  char: 'character',
  word: 'word',
  bpe: 'word',
  file: 'word',
  byte: 'byte',
};

function kindOf(options: DatasetOptions, { tokenizer }: DatasetContext): TokenizerKind {
  return tokenizer?.kind ?? options.tokenizer;
}

const BLOCK_TOKENS = 1 << 18;
/** Of a longer training part so many blocks are looked at, evenly spread: what is found is a part. */
const MOST_BLOCKS = 1 << 10;

async function overlapOf(
  parts: ReadonlyMap<string, TokenSequence>,
  signal: AbortSignal | undefined,
): Promise<OverlapFigures> {
  const training = parts.get('train') as TokenSequence;
  const probes = HELD_OUT.flatMap((part) => parts.get(part) ?? []).map(
    (heldOut) => new OverlapProbe(heldOut),
  );
  const all = Math.ceil(training.length / BLOCK_TOKENS);
  const blocks = probes.length > 0 ? Math.min(all, MOST_BLOCKS) : 0;
  for (let i = 0; i < blocks; i += 1) {
    const start = Math.floor((i * all) / blocks) * BLOCK_TOKENS;
    const ids = new Int32Array(Math.min(BLOCK_TOKENS, training.length - start));
    training.read(start, ids);
    for (const probe of probes) probe.scan(ids);
    await new Promise(setImmediate);
    signal?.throwIfAborted();
  }
  const figures = probes.map((probe) => probe.found());
  const sum = (name: keyof OverlapFigures) =>
    figures.reduce((total, figure) => total + figure[name], 0);
  return { probed: sum('probed'), found: sum('found') };
}

function keyOf(value: object): string {
  return createHash('sha256')
    .update(JSON.stringify({ version: KEY_VERSION, ...value }))
    .digest('hex');
}
