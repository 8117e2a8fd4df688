/** What a run was made of, as its checkpoints record it. */
import { relative } from 'node:path';
import { UserError } from '../errors.ts';
import type { CorpusSource } from './text-source.ts';

/** One of the texts that were named, as a checkpoint records it. */
export type RecordedSource = CorpusSource & {
  /** The path from the run's directory, which holds when both are moved together. */
  readonly fromRun: string;
};

export type DataRecord = {
  readonly corpus: readonly RecordedSource[];
  readonly valid: readonly RecordedSource[];
  readonly test: readonly RecordedSource[];
};

/** The record of `sources` for a run in `runDirectory`. */
export function recordSources(
  sources: readonly CorpusSource[],
  runDirectory: string,
): RecordedSource[] {
  return sources.map((source) => ({
    ...source,
    fromRun: source.name === '-' ? '-' : relative(runDirectory, source.name),
  }));
}

/**
 * Makes sure that two records are of the same bytes.
 *
 * @throws UserError `corpus-changed` naming the first text that is another one
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

function describe(source: RecordedSource | undefined): string {
  return source
    ? `${source.name} (${source.bytes} bytes, SHA-256 ${source.sha256.slice(0, 12)}…)`
    : 'no file';
}
