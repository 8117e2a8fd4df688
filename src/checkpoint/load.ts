/** Reads a checkpoint, trusting nothing: every file must be as long and hash as the manifest says. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { TensorMap } from '../tensor-data.ts';
import { type ByteSource, readShortFile, readText, withCheckedFile } from './checked-file.ts';
import {
  CHECKPOINT_FILES,
  type CheckpointContents,
  type CheckpointPart,
  decodeManifest,
  type FileRecord,
  LONGEST_RECORD,
  MANIFEST_FILE,
  type Manifest,
  PART_FILES,
} from './format.ts';
import { badField, decodeJson, decodeJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { JsonField } from './json-field.ts';
import { readSafetensors } from './safetensors.ts';

export interface LoadedCheckpoint extends CheckpointContents {
  readonly path: string;
  readonly step: number;
  /** When it was saved, ISO 8601. */
  readonly created: string;
}

export type TensorPart = 'weights' | 'optimizer' | 'state';
/** The parts that may be large and are read only where they are asked for. */
export type OptionalPart = TensorPart | 'history';

/** What the tensors of each file must be. */
export type TensorSpecs = Readonly<Record<TensorPart, readonly ParameterSpec[]>>;

const ALL_PARTS: readonly OptionalPart[] = ['weights', 'optimizer', 'state', 'history'];

/**
 * The checkpoint in the directory `path` (see `resolveCheckpoint` for runs and defaults) as it was saved,
 * whatever its contents mean; `openCheckpoint` gives what training and the other commands know of it.
 *
 * Of the optional parts it reads `parts`; the others come back empty. Throws a UserError that names the
 * file, and the field if there is one: `checkpoint-missing` (no checkpoint there),
 * `checkpoint-incomplete` (a file is missing), `checkpoint-damaged` (a file is not what was saved),
 * `checkpoint-unreadable` (the system does not let it be read), `checkpoint-version` (saved by a newer
 * gru-lm).
 */
export async function loadCheckpoint(
  path: string,
  { parts = ALL_PARTS }: { readonly parts?: readonly OptionalPart[] | undefined } = {},
): Promise<LoadedCheckpoint> {
  const manifest = await readManifest(path);
  return {
    path,
    step: manifest.step,
    created: manifest.created,
    config: await readObject(path, 'config', manifest),
    tokenizer: await readObject(path, 'tokenizer', manifest),
    training: await readObject(path, 'training', manifest),
    history: parts.includes('history') ? await readPart(path, 'history', manifest, readArray) : [],
    clock: await readObject(path, 'clock', manifest),
    ...(await loadTensors(path, manifest, parts)),
  };
}

/** The object in the JSON file of `part`; errors as for `loadCheckpoint`. */
export function readObject(
  path: string,
  part: CheckpointPart,
  manifest: Manifest,
): Promise<JsonObject> {
  return readPart(path, part, manifest, async (source, file) =>
    decodeJsonObject(await readText(source, file), file, { keysAreTokens: part === 'tokenizer' }),
  );
}

async function readArray(source: ByteSource, file: string): Promise<readonly JsonValue[]> {
  const value = decodeJson(await readText(source, file), file);
  if (!Array.isArray(value)) throw badField(file, '', 'an array', value);
  return value;
}

/** The JSON file of `part`, to be read field by field; errors as for `loadCheckpoint`. */
export function readFields(
  path: string,
  part: CheckpointPart,
  manifest: Manifest,
): Promise<JsonField> {
  return readPart(path, part, manifest, async (source, file) =>
    JsonField.ofFile(await readText(source, file), file),
  );
}

/**
 * The tensors; as `loadCheckpoint`. With `specs` they must be these, or a UserError
 * (`checkpoint-damaged`) says so before memory is taken for them.
 */
export async function loadTensors(
  path: string,
  manifest: Manifest,
  parts: readonly OptionalPart[],
  specs?: TensorSpecs,
): Promise<Pick<LoadedCheckpoint, TensorPart>> {
  const read = (part: TensorPart): Promise<TensorMap> =>
    parts.includes(part)
      ? readPart(path, part, manifest, (source, file) =>
          readSafetensors(source, file, specs?.[part]),
        )
      : Promise.resolve(new Map());
  return {
    weights: await read('weights'),
    optimizer: await read('optimizer'),
    state: await read('state'),
  };
}

/** The manifest of the checkpoint in the directory `path`; errors as for `loadCheckpoint`. */
export async function readManifest(path: string): Promise<Manifest> {
  const file = join(path, MANIFEST_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readShortFile(file, LONGEST_RECORD);
  } catch (error) {
    const names = await readdir(path).catch((): string[] => []);
    if (names.some((name) => CHECKPOINT_FILES.has(name))) {
      throw error;
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

function readPart<T>(
  path: string,
  part: CheckpointPart,
  manifest: Manifest,
  use: (source: ByteSource, file: string) => Promise<T>,
): Promise<T> {
  const name = PART_FILES[part];
  const file = join(path, name);
  return withCheckedFile(file, manifest.files.get(name) as FileRecord, (source) =>
    use(source, file),
  );
}
