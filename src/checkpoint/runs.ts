/** The runs in a directory, as far as can be told without reading weights. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorMessage, UserError } from '../errors.ts';
import { parameterCount } from '../model/parameters.ts';
import { RUN_FILE } from './format.ts';
import { checkpointNames, quickManifest } from './list.ts';
import { isWritten } from './lock.ts';
import { openModel } from './model.ts';

/** What a run's last checkpoint says of it. */
export interface RunFigures {
  readonly parameters: number;
  /** Of all its checkpoints. */
  readonly bytes: number;
  readonly step: number;
  /** Whether its limit was reached. */
  readonly finished: boolean;
  /** Of the best validation; null: there was none. */
  readonly bestNatsPerToken: number | null;
  readonly bestStep: number | null;
  readonly tokenizer: string;
  readonly vocabularySize: number;
  /** When the last checkpoint was saved, ISO 8601. */
  readonly created: string;
}

export interface ListedRun {
  /** That of its directory. */
  readonly name: string;
  readonly path: string;
  /** Whether a process writes it at this time. */
  readonly training: boolean;
  /** Absent: nothing is saved yet, or `problem` says why there are none. */
  readonly figures?: RunFigures;
  readonly problem?: UserError;
}

/**
 * The runs in `directory`, or the one that it is, the one that was saved last first; of those that were not, or
 * whose time is damaged, the time of the directory counts.
 *
 * @throws UserError `checkpoint-missing` if there is no such directory
 */
export async function listRuns(directory: string): Promise<ListedRun[]> {
  const paths = (await isRun(directory)) ? [directory] : await subdirectories(directory);
  const dated: { run: ListedRun; savedMs: number }[] = [];
  for (const path of paths) {
    const run = await lookAt(path);
    if (run) dated.push({ run, savedMs: await savedMs(run) });
  }
  return dated.sort((a, b) => b.savedMs - a.savedMs).map(({ run }) => run);
}

async function subdirectories(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory);
    return entries.sort().map((name) => join(directory, name));
  } catch (error) {
    throw new UserError(
      'checkpoint-missing',
      `expected a directory of runs at ${directory}, could not read it: ${errorMessage(error)}`,
      'Name the directory that the runs are in; gru-lm train <corpus> makes one in ./checkpoints.',
      { cause: error },
    );
  }
}

/** The run at `path`; undefined if there is none. */
async function lookAt(path: string): Promise<ListedRun | undefined> {
  const training = await isWritten(path);
  const found = { name: basename(path), path, training };
  if (!(await isRun(path))) return training ? found : undefined;
  try {
    return { ...found, figures: await figuresOf(path) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...found, problem: error };
  }
}

async function isRun(path: string): Promise<boolean> {
  const names = await readdir(path).catch((): string[] => []);
  return names.includes(RUN_FILE) || (await checkpointNames(path)).length > 0;
}

async function figuresOf(path: string): Promise<RunFigures> {
  const { checkpoint, modelConfig, tokenizer, training } = await openModel(path, [], 'last');
  const { best, finished } = training.run;
  await quickManifest(checkpoint.path);
  return {
    parameters: parameterCount(modelConfig),
    bytes: await bytesOf(path),
    step: checkpoint.step,
    finished,
    bestNatsPerToken: best?.natsPerToken ?? null,
    bestStep: best?.step ?? null,
    tokenizer: tokenizer.kind,
    vocabularySize: tokenizer.vocabularySize,
    created: checkpoint.created,
  };
}

/** Of all checkpoints that are there. */
async function bytesOf(path: string): Promise<number> {
  let bytes = 0;
  for (const name of await checkpointNames(path)) {
    const entries = await readdir(join(path, name)).catch((): string[] => []);
    for (const entry of entries) {
      const stats = await stat(join(path, name, entry)).catch(() => undefined);
      bytes += stats?.isFile() ? stats.size : 0;
    }
  }
  return bytes;
}

async function savedMs({ path, figures }: ListedRun): Promise<number> {
  if (figures) return Date.parse(figures.created);
  return await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
