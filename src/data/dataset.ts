/** The texts of a run: read, checked against what the run was made of, and split. */
import { relative, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { type CorpusSource, type CorpusText, readCorpus } from './corpus.ts';
import { type CorpusSplit, splitCorpus } from './split-corpus.ts';
import type { TokenizerKind } from './tokenizer.ts';

/** Where the texts are and how they are split. */
export interface DatasetOptions {
  corpus: readonly string[];
  /** A file of its own for validation or test. */
  valid?: string | undefined;
  test?: string | undefined;
  validSplit: number;
  testSplit: number;
  tokenizer: TokenizerKind;
}

/** One of a run's files, as a checkpoint records it. */
export type RecordedSource = CorpusSource & {
  /** The path from the run's directory, which holds when both are moved together. */
  readonly fromRun: string;
};

/** What a run was made of, as a checkpoint records it. */
export type DataRecord = {
  readonly corpus: readonly RecordedSource[];
  readonly valid: readonly RecordedSource[];
  readonly test: readonly RecordedSource[];
};

export interface Dataset {
  texts: CorpusSplit;
  record: DataRecord;
}

/** Reads and splits the texts of a run that is kept in `runDirectory`. */
export async function readDataset(options: DatasetOptions, runDirectory: string): Promise<Dataset> {
  const corpus = await readCorpus(options.corpus);
  const valid = options.valid === undefined ? undefined : await readCorpus([options.valid]);
  const test = options.test === undefined ? undefined : await readCorpus([options.test]);
  const texts = splitCorpus(corpus.text, {
    validSplit: options.validSplit,
    testSplit: options.testSplit,
    valid: valid?.text,
    test: test?.text,
    boundary: options.tokenizer === 'word' ? 'word' : 'character',
  });
  const recorded = (text: CorpusText | undefined): RecordedSource[] =>
    (text?.sources ?? []).map((source) => ({
      ...source,
      fromRun: source.name === '-' ? '-' : relative(runDirectory, source.name),
    }));
  return {
    texts,
    record: { corpus: recorded(corpus), valid: recorded(valid), test: recorded(test) },
  };
}

/**
 * Makes sure that two records are of the same bytes.
 *
 * @throws UserError `corpus-changed` naming the first file that is another one
 */
export function assertSameData(expected: DataRecord, found: DataRecord): void {
  for (const part of ['corpus', 'valid', 'test'] as const) {
    const length = Math.max(expected[part].length, found[part].length);
    for (let i = 0; i < length; i++) {
      const [was, is] = [expected[part][i], found[part][i]];
      if (was?.sha256 === is?.sha256) continue;
      throw new UserError(
        'corpus-changed',
        `expected the text that the run began with, ${describe(was)}, found ${describe(is)}`,
        'Give the same files in the same order, or begin a new run with another --out.',
      );
    }
  }
}

/**
 * Reads a run's texts again from where they were: as named then, or from the run's directory.
 *
 * @throws UserError `corpus-missing` or `corpus-changed` if they are not there as they were
 */
export async function readRecordedDataset(
  options: Omit<DatasetOptions, 'corpus'>,
  record: DataRecord,
  runDirectory: string,
): Promise<Dataset> {
  const failures: unknown[] = [];
  for (const locate of [
    (source: RecordedSource) => source.name,
    (source: RecordedSource) => resolve(runDirectory, source.fromRun),
  ]) {
    try {
      if (record.corpus.some(({ name }) => name === '-')) throw unreadable('standard input');
      const dataset = await readDataset(
        {
          ...options,
          corpus: record.corpus.map(locate),
          valid: record.valid.map(locate)[0],
          test: record.test.map(locate)[0],
        },
        runDirectory,
      );
      assertSameData(record, dataset.record);
      return dataset;
    } catch (error) {
      failures.push(error);
    }
  }
  const changed = failures.find(
    (error) => error instanceof UserError && error.code === 'corpus-changed',
  );
  throw changed ?? unreadable(record.corpus.map(({ name }) => name).join(', '), failures[0]);
}

function unreadable(names: string, cause?: unknown): UserError {
  return new UserError(
    'corpus-missing',
    `expected the run’s corpus where it was (${names}), found it there no more`,
    'Put it back, or name a text with --text FILE.',
    { cause },
  );
}

function describe(source: RecordedSource | undefined): string {
  return source
    ? `${source.name} (${source.bytes} bytes, SHA-256 ${source.sha256.slice(0, 12)}…)`
    : 'no file';
}
