/** Reads a checkpoint, trusting nothing: every file must be as long and hash as the manifest says. */

import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, UserError } from '../errors.ts';
import type { TensorMap } from '../tensor-data.ts';
import {
  CHECKPOINT_FILES,
  type CheckpointContents,
  type CheckpointPart,
  decodeManifest,
  type FileRecord,
  MANIFEST_FILE,
  type Manifest,
  PART_FILES,
} from './format.ts';
import { damaged, decodeJson, decodeJsonObject, type JsonValue } from './json.ts';
import { fromVersion1 } from './migrate.ts';
import { decodeSafetensors } from './safetensors.ts';

export interface LoadedCheckpoint extends CheckpointContents {
  readonly path: string;
  readonly step: number;
  /** When it was saved, ISO 8601. */
  readonly created: string;
}

/** The parts that may be large and are read only where they are asked for. */
export type OptionalPart = 'weights' | 'optimizer' | 'state' | 'history';

/**
 * The checkpoint in the directory `path` (see `resolveCheckpoint` for runs and defaults).
 *
 * Of weights, optimizer, state and history it reads `parts` (default: all); the others come back
 * empty. Throws a UserError that names the file, and the field if there is one: `checkpoint-missing`
 * (no checkpoint there), `checkpoint-incomplete` (a file is missing), `checkpoint-damaged` (a file is
 * not what was saved), `checkpoint-version` (saved by a newer gru-lm).
 */
export async function loadCheckpoint(
  path: string,
  {
    parts = ['weights', 'optimizer', 'state', 'history'],
  }: { readonly parts?: readonly OptionalPart[] | undefined } = {},
): Promise<LoadedCheckpoint> {
  const manifest = await readManifest(path);
  const read = (part: CheckpointPart) => readPart(path, part, manifest);
  const readTensors = async (part: OptionalPart): Promise<TensorMap> =>
    parts.includes(part)
      ? decodeSafetensors(await read(part), join(path, PART_FILES[part]))
      : new Map();
  const readObject = async (part: CheckpointPart) =>
    decodeJsonObject(await read(part), join(path, PART_FILES[part]));
  const timed = await readTimed(path, manifest, parts.includes('history'));
  return {
    path,
    step: manifest.step,
    created: manifest.created,
    weights: await readTensors('weights'),
    optimizer: await readTensors('optimizer'),
    state: await readTensors('state'),
    config: await readObject('config'),
    tokenizer: await readObject('tokenizer'),
    ...timed,
  };
}

/** What holds times, in today's format. */
async function readTimed(
  path: string,
  manifest: Manifest,
  withHistory: boolean,
): Promise<Pick<CheckpointContents, 'training' | 'history' | 'clock'>> {
  const readObject = async (part: CheckpointPart) =>
    decodeJsonObject(await readPart(path, part, manifest), join(path, PART_FILES[part]));
  const training = await readObject('training');
  const history = withHistory ? parseHistory(await readPart(path, 'history', manifest), path) : [];
  return manifest.version === 1
    ? fromVersion1({ training, history })
    : { training, history, clock: await readObject('clock') };
}

/** The manifest of the checkpoint in the directory `path`; errors as for `loadCheckpoint`. */
async function readManifest(path: string): Promise<Manifest> {
  const file = join(path, MANIFEST_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const names = await readdir(path).catch((): string[] => []);
    if (names.some((name) => CHECKPOINT_FILES.has(name))) {
      throw unreadable(path, MANIFEST_FILE, error);
    }
    throw new UserError(
      'checkpoint-missing',
      `expected a checkpoint, found none in ${path}`,
      'Name a run directory or a checkpoint in it; gru-lm train <corpus> makes one.',
      { cause: error },
    );
  }
  return decodeManifest(bytes, file);
}

async function readPart(
  path: string,
  part: CheckpointPart,
  manifest: Manifest,
): Promise<Uint8Array> {
  const name = PART_FILES[part];
  const file = join(path, name);
  const record = manifest.files.get(name) as FileRecord;
  let bytes: Uint8Array;
  try {
    // The length first: a file that is far too long is not read at all.
    assertLength(file, record, (await stat(file)).size);
    bytes = await readFile(file);
  } catch (error) {
    throw error instanceof UserError ? error : unreadable(path, name, error);
  }
  assertLength(file, record, bytes.length);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== record.sha256) {
    throw damaged(file, `expected SHA-256 ${record.sha256}, found ${sha256}`);
  }
  return bytes;
}

function parseHistory(bytes: Uint8Array, path: string): readonly JsonValue[] {
  const file = join(path, PART_FILES.history);
  const history = decodeJson(bytes, file);
  if (!Array.isArray(history)) {
    throw damaged(file, 'expected a JSON array, found something else');
  }
  return history;
}

function assertLength(file: string, record: FileRecord, found: number): void {
  if (found !== record.bytes) {
    throw damaged(file, `expected ${record.bytes} bytes, found ${found}`);
  }
}

function unreadable(path: string, name: string, error: unknown): UserError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new UserError(
    'checkpoint-incomplete',
    `${path}: expected the file ${name}, found ${missing ? 'none' : errorMessage(error)}`,
    'Copy the whole checkpoint directory, or use another checkpoint.',
    { cause: error },
  );
}
