/**
 * The texts of a run as tokens: opened, split, put through a tokenizer that is learned from the training
 * part unless it is given, and kept on disk, from where they are read in windows. What was done before
 * for the same bytes and options is not done again.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PartEncoder, type PartSize } from './encode-text.ts';
import { OverlapProbe } from './overlap.ts';
import { HELD_OUT, type PartTextContext, type PartTextOptions, PartTexts } from './part-texts.ts';
import type { DataRecord } from './record.ts';
import { smallParts } from './small-parts.ts';
import type { Part, SplitBoundary } from './split.ts';
import { runStepsWithPauses } from './steps.ts';
import type { TextChunks } from './text-chunk.ts';
import type { TokenWriter } from './token-entry.ts';
import type { TokenSequence } from './token-sequence.ts';
import { openTokens } from './token-store.ts';
import { createTrainer, type Tokenizer, type TokenizerKind } from './tokenizer.ts';
import type { TokenizerTrainer, VocabularyOptions } from './tokenizer-types.ts';
import { type LearnedTokenizer, learnOnce } from './vocabulary-cache.ts';

export type { DatasetProgress, TextName } from './part-texts.ts';

/** Where the texts are, how they are split, and what a token is. */
export interface DatasetOptions extends PartTextOptions, VocabularyOptions {
  readonly tokenizer: TokenizerKind;
}

export interface DatasetContext extends PartTextContext {
  /** The tokenizer, where it is not to be learned. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Whether the text is to be had from the dataset, too. Default false: a copy of standard input goes. */
  readonly keepText?: boolean | undefined;
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
  /** The text of a part, as often as asked; throws an Error unless it was to be kept. */
  chunksOf(part: Part): TextChunks;
  /** Releases files; neither tokens nor text are to be read after it. */
  close(): Promise<void>;
}

/** Raise it when the same text and options come to mean other tokens. */
const KEY_VERSION = 2;

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
  const kind = context.tokenizer?.kind ?? options.tokenizer;
  const reading = { raw: kind === 'byte', boundary: BOUNDARIES[kind] };
  const texts = await PartTexts.open(options, reading, context);
  let isKept = false;
  try {
    const preparation = new Preparation(options, texts, context);
    const { tokenizer, notices } = context.tokenizer
      ? { tokenizer: context.tokenizer, notices: [] }
      : await preparation.learnTokenizer();
    const { parts, overlap, close } = await preparation.encode(tokenizer);
    isKept = context.keepText ?? false;
    return {
      ...{ tokenizer, notices, parts, overlap, record: texts.record(runDirectory) },
      chunksOf: (part) => {
        if (!isKept) throw new Error('expected a dataset that keeps its text, found none');
        return texts.chunksOf(part);
      },
      async close() {
        await close();
        await texts.close();
      },
    };
  } finally {
    if (!isKept) await texts.close();
  }
}

/** The steps from opened texts to tokens. */
class Preparation {
  readonly #options: DatasetOptions;
  readonly #texts: PartTexts;
  readonly #context: DatasetContext;
  /** Stands for the texts and how they are split. */
  readonly #key: string;

  constructor(options: DatasetOptions, texts: PartTexts, context: DatasetContext) {
    this.#options = options;
    this.#texts = texts;
    this.#context = context;
    this.#key = keyOf(texts.key);
  }

  /** The tokenizer of the training part. */
  learnTokenizer(): Promise<LearnedTokenizer> {
    const { tokenizer: kind, vocabularySize, minCount, lowercase, wordSplit } = this.#options;
    const learning = { kind, vocabularySize, minCount, lowercase, wordSplit };
    const directory = join(this.#context.cacheDirectory, 'vocabularies');
    return learnOnce(directory, keyOf({ text: this.#key, learning }), async () => {
      const { documents } = await this.#texts.measure('reading');
      const trainer = createTrainer({ ...learning, endOfText: documents > 1 });
      let isFirst = true;
      for await (const { part, chunk } of this.#texts.corpusParts('vocabulary')) {
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
    for await (const { part, chunk } of this.#texts.allParts()) {
      if (part !== open?.part) {
        await endPart();
        await writer.begin(part, tokenizer.vocabularySize);
        open = { part, encoder: new PartEncoder(tokenizer, (ids) => writer.write(ids)) };
      }
      await open.encoder.write(chunk);
    }
    await endPart();
    const overlap = await writer.readBack((parts) =>
      overlapOf(parts, tokenizer.unknownId, this.#context.signal),
    );
    return { sizes, overlap };
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

const PARTS = ['train', ...HELD_OUT] as const;

/** Where parts may be cut: not within what would be one token. */
const BOUNDARIES: Record<TokenizerKind, SplitBoundary> = {
  char: 'character',
  word: 'word',
  bpe: 'word',
  file: 'word',
  byte: 'byte',
};

const BLOCK_TOKENS = 1 << 18;
/** Of a longer training part so many blocks are looked at, evenly spread: what is found is a part. */
const MOST_BLOCKS = 1 << 10;

async function overlapOf(
  parts: ReadonlyMap<string, TokenSequence>,
  unknownId: number | undefined,
  signal: AbortSignal | undefined,
): Promise<OverlapFigures> {
  const training = parts.get('train') as TokenSequence;
  const probes = HELD_OUT.flatMap((part) => parts.get(part) ?? []).map(
    (heldOut) => new OverlapProbe(heldOut, { unknownId }),
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
