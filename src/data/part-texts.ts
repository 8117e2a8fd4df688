/** The texts of a run in its parts: opened, measured and split, and read as often as asked. */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { measureText, type TextMeasure } from './measure-text.ts';
import { type DataRecord, recordSources } from './record.ts';
import { type Part, type PartChunk, planSplit, type SplitOptions, splitChunks } from './split.ts';
import type { TextChunks } from './text-chunk.ts';
import { assertOneStandardInput } from './text-files.ts';
import { openText, type TextOptions, type TextSource } from './text-source.ts';

/** Where the texts are, and how they are read and split. */
export interface PartTextOptions extends Omit<TextOptions, 'raw'> {
  readonly corpus: readonly string[];
  /** Texts of their own for validation and test. */
  readonly valid?: string | undefined;
  readonly test?: string | undefined;
  /** Shares of the corpus; see `planSplit`. */
  readonly validSplit?: number | undefined;
  readonly testSplit?: number | undefined;
}

export interface PartTextContext {
  /** Where hashes, vocabularies and tokens are kept. */
  readonly cacheDirectory: string;
  readonly standardInput?: Readable | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DatasetProgress) => void) | undefined;
  /** Texts whose names no user gave, but a checkpoint: see `filesOnly` of `openText`. Default none. */
  readonly recorded?: readonly TextName[] | undefined;
}

export type TextName = 'corpus' | 'valid' | 'test';

/** What is being done, and the share of it that is done, in [0, 1]. */
export interface DatasetProgress {
  readonly phase: 'reading' | 'vocabulary' | 'encoding';
  readonly share: number;
}

/** Parts that are not trained on. */
export const HELD_OUT = ['valid', 'test'] as const;

/** The texts of a run: the corpus, and those that validation and test have of their own. */
type Texts = {
  readonly corpus: TextSource;
  readonly valid?: TextSource;
  readonly test?: TextSource;
};

export class PartTexts {
  /** Stands for the texts and how they are read and split; it survives JSON. */
  readonly key: { readonly texts: readonly (string | null)[]; readonly split: SplitOptions };
  readonly #texts: Texts;
  readonly #context: PartTextContext;
  #measured: Promise<TextMeasure> | undefined;

  private constructor(texts: Texts, split: SplitOptions, context: PartTextContext) {
    this.#texts = texts;
    this.#context = context;
    const keys = [texts.corpus, texts.valid, texts.test].map((text) => text?.key ?? null);
    this.key = {
      texts: keys,
      split: {
        // What has a text of its own takes nothing of the corpus.
        validSplit: texts.valid ? 0 : split.validSplit,
        testSplit: texts.test ? 0 : split.testSplit,
        boundary: split.boundary,
      },
    };
  }

  /**
   * @param raw whether bytes are taken as they are, text or not
   * @throws UserError for texts that cannot be read: see `openText`; `usage` for standard input as two
   */
  static async open(
    options: PartTextOptions,
    { raw, boundary }: { raw: boolean; boundary: SplitOptions['boundary'] },
    context: PartTextContext,
  ): Promise<PartTexts> {
    const heldOut = HELD_OUT.flatMap((part) => options[part] ?? []);
    assertOneStandardInput([...options.corpus, ...heldOut]);
    const { cacheDirectory, standardInput, signal, onProgress, recorded } = context;
    const open = (name: TextName, operands: readonly string[]) =>
      openText(
        operands,
        { ...options, raw },
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
      const { validSplit, testSplit } = options;
      return new PartTexts(texts, { validSplit, testSplit, boundary }, context);
    } catch (error) {
      await closeTexts(texts);
      throw error;
    }
  }

  /** How the checkpoints of a run in `runDirectory` record them. */
  record(runDirectory: string): DataRecord {
    const { corpus, valid, test } = this.#texts;
    return {
      corpus: recordSources(corpus.sources, runDirectory),
      valid: recordSources(valid?.sources ?? [], runDirectory),
      test: recordSources(test?.sources ?? [], runDirectory),
    };
  }

  /** How long the corpus is. @param phase what progress calls it; undefined: none is told */
  measure(phase: DatasetProgress['phase'] | undefined): Promise<TextMeasure> {
    this.#measured ??= measureText(this.#corpusChunks(phase));
    return this.#measured;
  }

  /** The chunks of all parts: those of the corpus, then what parts have as texts of their own. */
  async *allParts(): AsyncGenerator<PartChunk> {
    yield* this.corpusParts('encoding');
    for (const part of HELD_OUT) {
      const text = this.#texts[part];
      if (!text) continue;
      for await (const chunk of text.chunks(this.#context.signal)) yield { part, chunk };
    }
  }

  /** The chunks of the parts of the corpus. @param phase what progress calls it; undefined: none is told */
  async *corpusParts(phase: DatasetProgress['phase'] | undefined): AsyncGenerator<PartChunk> {
    const { characters, bytes } = await this.measure(phase && 'reading');
    const { split } = this.key;
    const size = split.boundary === 'byte' ? bytes : characters;
    yield* splitChunks(this.#corpusChunks(phase), planSplit(size, split));
  }

  /** The chunks of one part, of which no progress is told. */
  async *chunksOf(wanted: Part): TextChunks {
    const text = wanted === 'train' ? undefined : this.#texts[wanted];
    if (text) {
      yield* text.chunks(this.#context.signal);
      return;
    }
    for await (const { part, chunk } of this.corpusParts(undefined)) {
      if (part === wanted) yield chunk;
    }
  }

  close(): Promise<void> {
    return closeTexts(this.#texts);
  }

  #corpusChunks(phase: DatasetProgress['phase'] | undefined): TextChunks {
    const { signal, onProgress } = this.#context;
    return this.#texts.corpus.chunks(signal, (done, total) => {
      if (phase !== undefined) onProgress?.({ phase, share: total > 0 ? done / total : 0 });
    });
  }
}

async function closeTexts({ corpus, valid, test }: Texts): Promise<void> {
  for (const text of [corpus, valid, test]) await text?.close();
}
