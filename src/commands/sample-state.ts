/** Where a sample ended, in a file, so that another one can go on from there. */
import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readShortFile } from '../checkpoint/checked-file.ts';
import { PART_FILES } from '../checkpoint/format.ts';
import { decodeJsonObject, type JsonObject } from '../checkpoint/json.ts';
import { readManifest } from '../checkpoint/load.ts';
import type { CheckpointModel } from '../checkpoint/model.ts';
import { assertSealed, encodeSealed } from '../checkpoint/sealed-json.ts';
import { replaceDurably, writeDurably } from '../durable-files.ts';
import { errorMessage, UserError } from '../errors.ts';
import { type TextState, TOKENS_KEPT } from '../generation/text-model.ts';
import { stateSpecs } from '../model/states.ts';
import { Random } from '../random.ts';
import { NAME_A_FILE, placeToWrite } from './file-place.ts';

const FORMAT = 'gru-lm-sample-state';
const VERSION = 1;
/** Many times what the largest model remembers of a text. */
const LONGEST = 2 ** 28;

/** Where a sample ended. */
export interface SampleState {
  readonly text: TextState;
  readonly random: Random;
  /** The seed that the generator began with. */
  readonly seed: number;
}

/** A file that was read, and is not yet known to fit a model. */
export interface StoredState {
  readonly file: string;
  /** The path of the checkpoint that the sample was made with. */
  readonly checkpoint: string;
  readonly json: JsonObject;
}

/** What a state belongs to: the SHA-256 of the checkpoint's weights and of its tokenizer. */
interface Identity extends JsonObject {
  readonly weights: string;
  readonly tokenizer: string;
}

/**
 * Makes sure that `path` can be written at the end: before the sample is made, and not after.
 *
 * @param replaced the file that may be there: the one that the sample goes on from
 * @throws UserError `sample-state` if another one is there, or nothing can be written there
 */
export async function assertStatePath(path: string, replaced: string | undefined): Promise<void> {
  const { isNew } = await findPlace(path, replaced);
  if (!isNew) return;
  try {
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw unwritten(path, error);
  }
}

/** The file that `path` means, and whether it is to be a new one. */
async function findPlace(
  path: string,
  replaced: string | undefined,
): Promise<{ readonly file: string; readonly isNew: boolean }> {
  const isNew = replaced === undefined || resolve(path) !== resolve(replaced);
  const file = await placeToWrite(path, !isNew, {
    noFile: (found) =>
      new UserError(
        'sample-state',
        `--save-state: expected to write a file at ${path}, found ${found}`,
        NAME_A_FILE,
      ),
    there: () => fileIsThere(path),
    refused: (error) => unwritten(path, error),
  });
  return { file, isNew };
}

/** Writes a state; errors as for {@link assertStatePath}, and where it cannot be written. */
export async function writeSampleState(
  path: string,
  { checkpoint, modelConfig }: CheckpointModel,
  { text, random, seed }: SampleState,
  replaced?: string,
): Promise<void> {
  const { file, isNew } = await findPlace(path, replaced);
  const names = stateSpecs(modelConfig, 1).map(({ name }) => name);
  const bytes = encodeSealed(
    {
      format: FORMAT,
      version: VERSION,
      checkpoint: resolve(checkpoint.path),
      ...(await identityOf(checkpoint.path)),
      seed,
      random: random.state(),
      tokens: text.tokens,
      unread: text.unread,
      held: text.held,
      memory: text.memory
        ? Object.fromEntries(names.map((name, i) => [name, encodeFloats(text.memory![i]!)]))
        : null,
    },
    path,
  );
  try {
    await (isNew ? writeDurably : replaceDurably)(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fileIsThere(path);
    throw unwritten(path, error);
  }
}

function unwritten(path: string, error: unknown): UserError {
  return new UserError(
    'sample-state',
    `expected to write ${path}, could not: ${errorMessage(error)}`,
    'Check the directory.',
    { cause: error },
  );
}

/**
 * Reads a file that {@link writeSampleState} wrote.
 *
 * @throws UserError `sample-state` if it is none, or is damaged
 */
export async function readSampleState(file: string): Promise<StoredState> {
  try {
    const bytes = await readShortFile(file, LONGEST);
    const json = decodeJsonObject(bytes, file);
    if (json.format !== FORMAT || typeof json.checkpoint !== 'string') throw notAState(file);
    if (json.version !== VERSION) {
      throw notAState(file, `a state of version ${VERSION}`, `version ${json.version}`);
    }
    assertSealed(json, bytes, file);
    return { file, checkpoint: json.checkpoint, json };
  } catch (error) {
    throw asStateError(error);
  }
}

/**
 * The state in a file, for the model that it was made with.
 *
 * @throws UserError `sample-state` if it was made with another one
 */
export async function stateFor(
  stored: StoredState,
  { checkpoint, modelConfig, tokenizer }: CheckpointModel,
): Promise<SampleState> {
  const { file, json } = stored;
  const found = await identityOf(checkpoint.path);
  for (const part of ['weights', 'tokenizer'] as const) {
    if (json[part] === found[part]) continue;
    throw new UserError(
      'sample-state',
      `${file}: expected the checkpoint that the sample was made with, ${stored.checkpoint} ` +
        `(${part} of SHA-256 ${String(json[part]).slice(0, 12)}…), found ${checkpoint.path} ` +
        `(${found[part].slice(0, 12)}…)`,
      'Name that checkpoint, wherever it is now; without --continue a new text begins.',
    );
  }
  try {
    const specs = stateSpecs(modelConfig, 1);
    const memory = json.memory as JsonObject | null;
    const ids = (field: string, least: number) =>
      readIds(file, json[field], field, least, tokenizer.vocabularySize);
    if (typeof json.held !== 'string' || !Number.isSafeInteger(json.seed)) throw notAState(file);
    return {
      text: {
        memory: memory
          ? specs.map(({ name, shape }) => decodeFloats(file, memory[name], shape[1]!))
          : undefined,
        unread: ids('unread', 1),
        tokens: ids('tokens', 0).slice(-TOKENS_KEPT),
        held: json.held,
      },
      random: Random.fromState(json.random),
      seed: json.seed as number,
    };
  } catch (error) {
    throw asStateError(error);
  }
}

async function identityOf(path: string): Promise<Identity> {
  const { files } = await readManifest(path);
  const hash = (part: 'weights' | 'tokenizer') => files.get(PART_FILES[part])!.sha256;
  return { weights: hash('weights'), tokenizer: hash('tokenizer') };
}

/** In base64 of little-endian float32, which is what all supported processors have in memory. */
function encodeFloats(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decodeFloats(file: string, value: unknown, length: number): Float32Array {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  if (bytes.length === 4 * length) {
    const floats = new Float32Array(Uint8Array.from(bytes).buffer);
    if (floats.every(Number.isFinite)) return floats;
  }
  throw notAState(file, `${length} finite numbers for each state`, 'others');
}

function readIds(
  file: string,
  value: unknown,
  field: string,
  least: number,
  vocabularySize: number,
): number[] {
  const isId = (id: unknown) =>
    Number.isInteger(id) && Number(id) >= 0 && Number(id) < vocabularySize;
  if (Array.isArray(value) && value.length >= least && value.every(isId)) return value;
  throw notAState(file, `token ids below ${vocabularySize} in "${field}"`, 'others');
}

function fileIsThere(path: string): UserError {
  return new UserError(
    'sample-state',
    `--save-state: expected no file at ${path} yet, found one`,
    'Give another name, or remove the file. The file of --continue is replaced if both name it.',
  );
}

const HINT = 'Give --continue a file that gru-lm sample --save-state wrote.';

function notAState(file: string, expected = 'the state of a sample', found = 'none'): UserError {
  return new UserError('sample-state', `${file}: expected ${expected}, found ${found}`, HINT);
}

/** What is said of damaged files, which of this one is for --continue. */
function asStateError(error: unknown): unknown {
  return error instanceof UserError && error.code !== 'sample-state'
    ? new UserError('sample-state', error.message, HINT, { cause: error })
    : error;
}
