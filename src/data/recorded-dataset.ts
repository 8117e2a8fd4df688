/** The texts that a run was made of, opened again. */
import { realpath } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { type Dataset, type DatasetContext, type DatasetOptions, openDataset } from './dataset.ts';
import { HELD_OUT } from './part-texts.ts';
import { assertSameData, type DataRecord, type RecordedSource } from './record.ts';
import { findOperands, operandFiles } from './text-files.ts';

type HeldOut = (typeof HELD_OUT)[number];

/**
 * Opens a run's texts again from where they were: as named then, or from the run's directory.
 *
 * @throws UserError `corpus-missing` or `corpus-changed` if they are not there as they were, or nowhere: standard input
 */
export async function openRecordedDataset(
  options: Omit<DatasetOptions, 'corpus'>,
  record: DataRecord,
  runDirectory: string,
  context: DatasetContext,
): Promise<Dataset> {
  if (record.corpus.length === 0) {
    throw new UserError(
      'corpus-missing',
      'expected a run with a text of its own, found one of a model that was imported',
      'Name a text with --text FILE.',
    );
  }
  if (record.corpus.some(({ name }) => name === '-')) {
    throw new UserError(
      'corpus-missing',
      'expected the run’s corpus again, found that it came through standard input and is not kept',
      'Name a text with --text FILE; a corpus in a file is found again.',
    );
  }
  const failures: unknown[] = [];
  for (const locate of await placesOf(runDirectory)) {
    let dataset: Dataset | undefined;
    try {
      const [valid, test] = HELD_OUT.map((part) => record[part].map(locate)[0]);
      const texts = { ...options, corpus: record.corpus.map(locate), valid, test };
      dataset = await openDataset(texts, runDirectory, { ...context, recorded: RECORDED });
      assertSameData(record, dataset.record);
      return dataset;
    } catch (error) {
      await dataset?.close();
      context.signal?.throwIfAborted();
      failures.push(error);
    }
  }
  const changed = failures.find(
    (error) => error instanceof UserError && error.code === 'corpus-changed',
  );
  throw changed ?? notThere(record.corpus.map(({ name }) => name).join(', '), failures[0]);
}

const RECORDED = ['corpus', ...HELD_OUT] as const;

function notThere(names: string, cause?: unknown): UserError {
  return new UserError(
    'corpus-missing',
    `expected the run’s corpus where it was (${names}), found it there no more`,
    'Put it back, or name a text with --text FILE.',
    { cause },
  );
}

/**
 * Where the texts of held-out parts are that a run has of their own: as named then, or from the run's directory.
 *
 * @throws UserError `corpus-missing` for one that is nowhere
 */
export async function findHeldOut(
  record: DataRecord,
  parts: readonly HeldOut[],
  runDirectory: string,
): Promise<{ valid?: string; test?: string }> {
  const found: { valid?: string; test?: string } = {};
  const places = await placesOf(runDirectory);
  for (const part of parts) {
    const source = record[part][0];
    if (source === undefined || source.name === '-') continue;
    found[part] = await findSource(source, places, part);
  }
  return found;
}

/** The first place with as many bytes, or else with any. */
async function findSource(
  source: RecordedSource,
  places: readonly ((source: RecordedSource) => string)[],
  part: HeldOut,
): Promise<string> {
  let other: string | undefined;
  for (const locate of places) {
    const path = locate(source);
    const [operand] = await findOperands([path]).catch(() => []);
    if (operand === undefined || operand.kind === 'stream') continue;
    const found = operandFiles(operand).reduce((sum, { bytes }) => sum + bytes, 0);
    if (found === source.bytes) return path;
    other ??= path;
  }
  if (other !== undefined) return other;
  throw new UserError(
    'corpus-missing',
    `expected the run’s --${part} text where it was (${source.name}), found it there no more`,
    `Put it back, or name it again with --${part}.`,
  );
}

/** How to name a run's texts, one way after the other. */
async function placesOf(runDirectory: string) {
  // A symbolic link to the run is no part of the way from the run to its texts, but may have been.
  const runPath = await realpath(runDirectory).catch(() => runDirectory);
  const from = (directory: string) => (source: RecordedSource) =>
    relative('', resolve(directory, source.fromRun));
  return [(source: RecordedSource) => source.name, from(runDirectory), from(runPath)];
}
