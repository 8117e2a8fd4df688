/**
 * What a checkpoint and a run are on disk; docs/checkpoint-format.md tells it in full.
 *
 * A run is a directory of checkpoints and `run.json`, which names the last and the best of them. A
 * checkpoint is a directory that needs no other file: its parts and `manifest.json`, which holds the
 * length and SHA-256 of each and is written last. Both of these JSON files hold their own SHA-256.
 */

import { quoted, UserError } from '../errors.ts';
import type { TensorMap } from '../tensor-data.ts';
import type { FileRecord } from './checked-file.ts';
import {
  badField,
  damaged,
  decodeJsonObject,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from './json.ts';
import { assertSealed, encodeSealed } from './sealed-json.ts';

/** All that training needs to go on, and sampling and evaluation to begin. */
export interface CheckpointContents {
  weights: TensorMap;
  optimizer: TensorMap;
  /** The hidden state of each stream. */
  state: TensorMap;
  config: JsonObject;
  tokenizer: JsonObject;
  /** Step, position in the text, random states, schedule, record of the data. */
  training: JsonObject;
  /** Every validation. */
  history: readonly JsonValue[];
  /** What depends on how fast the machine was; all else is the same each time that the run is. */
  clock: JsonObject;
}

export type { FileRecord } from './checked-file.ts';

export type CheckpointPart = keyof CheckpointContents;

/** The file of each part. */
export const PART_FILES: Readonly<Record<CheckpointPart, string>> = {
  weights: 'weights.safetensors',
  optimizer: 'optimizer.safetensors',
  state: 'state.safetensors',
  config: 'config.json',
  tokenizer: 'tokenizer.json',
  training: 'training.json',
  history: 'history.json',
  clock: 'clock.json',
};
export const MANIFEST_FILE = 'manifest.json';
export const RUN_FILE = 'run.json';
/** Every name that a checkpoint directory may hold. */
export const CHECKPOINT_FILES: ReadonlySet<string> = new Set([
  ...Object.values(PART_FILES),
  MANIFEST_FILE,
]);

const VERSION = 2;
/** What version 1 lacked: its times stood in `training.json` and `history.json`. */
const SINCE_VERSION_2: readonly string[] = [PART_FILES.clock];
const STEP_NAME = /^step-(\d{8,})(?:-(\d+))?$/;

/** What `manifest.json` and `run.json` may have, in bytes: many times what they have. */
export const LONGEST_RECORD = 1 << 16;

export interface Manifest {
  /** Of the format that the checkpoint is in. */
  readonly version: number;
  readonly step: number;
  /** ISO 8601. */
  readonly created: string;
  /** One for each file of `PART_FILES` that the version has. */
  readonly files: ReadonlyMap<string, FileRecord>;
}

/** The names, within the run's directory, of the checkpoints that matter. */
export interface RunRecord {
  readonly last: string;
  /** null: no checkpoint of the run was the best yet. */
  readonly best: string | null;
}

/** The directory name of the checkpoint of `step`; `copy` tells a second one of a step from the first. */
export function stepName(step: number, copy = 1): string {
  const name = `step-${String(step).padStart(8, '0')}`;
  return copy === 1 ? name : `${name}-${copy}`;
}

/** The step in a checkpoint's directory name; undefined if it is no such name. */
export function stepOfName(name: string): { step: number; copy: number } | undefined {
  const match = STEP_NAME.exec(name);
  return match === null ? undefined : { step: Number(match[1]), copy: Number(match[2] ?? 1) };
}

/** The content of `manifest.json`. */
export function encodeManifest(manifest: Omit<Manifest, 'version'>): Uint8Array {
  const files: Record<string, JsonValue> = {};
  for (const [name, { bytes, sha256 }] of manifest.files) {
    files[name] = { bytes, sha256 };
  }
  const { step, created } = manifest;
  return encodeSealed(
    { format: 'gru-lm-checkpoint', version: VERSION, step, created, files },
    MANIFEST_FILE,
  );
}

/** The manifest in `bytes`, read from `path`; throws a UserError that names the field at fault. */
export function decodeManifest(bytes: Uint8Array, path: string): Manifest {
  const { json, version } = decodeRecord(bytes, 'gru-lm-checkpoint', path);
  const { step, created, files } = json;
  if (!isCount(step)) {
    throw badField(path, 'step', 'a whole number', step);
  }
  if (typeof created !== 'string' || !isDate(created)) {
    throw badField(path, 'created', 'a date as 2025-01-31T12:00:00.000Z', created);
  }
  if (!isJsonObject(files)) {
    throw badField(path, 'files', 'an object', files);
  }
  const known = Object.values(PART_FILES).filter(
    (name) => version > 1 || !SINCE_VERSION_2.includes(name),
  );
  const unknown = Object.keys(files).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw damaged(path, `expected "files" to name ${known.join(', ')}, found ${quoted(unknown)}`);
  }
  const records = known.map((name) => [name, parseFileRecord(files[name], name, path)] as const);
  return { version, step, created, files: new Map(records) };
}

/** The content of `run.json`. */
export function encodeRunRecord({ last, best }: RunRecord): Uint8Array {
  return encodeSealed({ format: 'gru-lm-run', version: VERSION, last, best }, RUN_FILE);
}

/** The record in `bytes`, read from `path`; throws a UserError that names the field at fault. */
export function decodeRunRecord(bytes: Uint8Array, path: string): RunRecord {
  const { last, best } = decodeRecord(bytes, 'gru-lm-run', path).json;
  if (typeof last !== 'string' || stepOfName(last) === undefined) {
    throw badField(path, 'last', 'the name of a checkpoint, such as "step-00000500"', last);
  }
  if (best !== null && (typeof best !== 'string' || stepOfName(best) === undefined)) {
    throw badField(path, 'best', 'the name of a checkpoint or null', best);
  }
  return { last, best };
}

function parseFileRecord(value: JsonValue | undefined, name: string, path: string): FileRecord {
  if (!isJsonObject(value)) {
    throw badField(path, `files.${name}`, 'an object', value);
  }
  const { bytes, sha256 } = value;
  if (!isCount(bytes)) {
    throw badField(path, `files.${name}.bytes`, 'a whole number', bytes);
  }
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw badField(path, `files.${name}.sha256`, '64 hexadecimal digits', sha256);
  }
  return { bytes, sha256 };
}

/** The object in `bytes` if it is of `format`, of a version that is known, and as it was written. */
function decodeRecord(
  bytes: Uint8Array,
  format: string,
  path: string,
): { json: JsonObject; version: number } {
  const json = decodeJsonObject(bytes, path);
  if (json.format !== format) {
    throw badField(path, 'format', `"${format}"`, json.format);
  }
  const { version } = json;
  // Version 1 had no seals. Of all others the seal comes first, or a flipped bit would make a newer one.
  if (version !== 1 || json.sha256 !== undefined) assertSealed(json, bytes, path);
  if (isCount(version) && version > VERSION) {
    throw new UserError(
      'checkpoint-version',
      `${path}: expected format version ${VERSION} or older, found ${version}`,
      'It was written by a newer gru-lm: update gru-lm.',
    );
  }
  if (!isCount(version) || version === 0) {
    throw badField(path, 'version', `a whole number from 1 to ${VERSION}`, version);
  }
  return { json, version };
}

/** Whether `text` is ISO 8601 as `Date` writes it: what `Date` reads besides may have anything in it. */
function isDate(text: string): boolean {
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString() === text;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
