/** A model out of a checkpoint, ready to be put on a backend. */
import { basename, dirname, join } from 'node:path';
import { modelConfigOf } from '../config/train.ts';
import { type TrainOptions, trainOptions } from '../config/train-options.ts';
import { featuresOf, type TokenFeatures } from '../data/token-features.ts';
import { type Tokenizer, tokenizerFromJson } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { type ModelConfig, weightSpecs } from '../model/parameters.ts';
import { stateSpecs } from '../model/states.ts';
import { parseStored } from '../option-table.ts';
import { optimizerSpecs } from '../training/optimizer-specs.ts';
import { type CheckpointPart, PART_FILES } from './format.ts';
import { listCheckpoints } from './list.ts';
import {
  type LoadedCheckpoint,
  loadTensors,
  type OptionalPart,
  readFields,
  readManifest,
  readObject,
  type TensorPart,
  type TensorSpecs,
} from './load.ts';
import { resolveCheckpoint, runDirectoryOf } from './run-directory.ts';
import { readTrainingRecord, type TrainingRecord } from './training-record.ts';

export interface CheckpointModel {
  /** Its tensors are those of the model, in the order of `weightSpecs`, and all numbers finite. */
  checkpoint: Pick<LoadedCheckpoint, 'path' | 'step' | 'created' | TensorPart>;
  options: TrainOptions;
  tokenizer: Tokenizer;
  modelConfig: ModelConfig;
  training: TrainingRecord;
}

/** More than a trainer saves in the time that it takes to open a model. */
const ATTEMPTS = 100;

/**
 * Opens the checkpoint that `name` means (see `resolveCheckpoint`).
 *
 * @param parts what to read beside config, tokenizer and training record
 * @throws UserError for what is missing, damaged or does not fit together; its hint names another
 * checkpoint of the run, if there is one
 */
export async function openModel(
  name: string | undefined,
  parts: readonly OptionalPart[],
  prefer: 'best' | 'last' = 'best',
): Promise<CheckpointModel> {
  for (let attempt = 1; ; attempt += 1) {
    let path: string | undefined;
    try {
      path = await resolveCheckpoint(name, { prefer });
      return await openCheckpoint(path, parts);
    } catch (error) {
      // A run in training removes the checkpoint that a newer one takes the place of.
      const now = await resolveCheckpoint(name, { prefer }).catch(() => path);
      if (now !== path && attempt < ATTEMPTS) continue;
      if (!isDamage(error)) throw error;
      const run = path === undefined ? await runDirectoryOf(name) : dirname(path);
      throw await withWayOut(error, run, path);
    }
  }
}

/**
 * The model in the directory `path`; as `openModel`. Its memory is that of the tensors, of what the
 * tokenizer's file comes to (see `assertModest`), of the other files, and a megabyte.
 */
export async function openCheckpoint(
  path: string,
  parts: readonly OptionalPart[],
): Promise<CheckpointModel> {
  const manifest = await readManifest(path);
  const { step, created, version } = manifest;
  const file = (part: CheckpointPart) => join(path, PART_FILES[part]);
  const config = await readObject(path, 'config', manifest);
  const options = parseStored(trainOptions, config, file('config'));
  const tokenizerJson = await readObject(path, 'tokenizer', manifest);
  const tokenizer = tokenizerFromJson(tokenizerJson, file('tokenizer'));
  const training = readTrainingRecord(
    {
      training: await readFields(path, 'training', manifest),
      history: parts.includes('history') ? await readFields(path, 'history', manifest) : undefined,
      clock: version > 1 ? await readFields(path, 'clock', manifest) : undefined,
    },
    step,
  );
  const modelConfig = modelConfigOf(options, tokenizer.vocabularySize);
  // What only an optimizer needs takes a while to find.
  const hasFeatures = options.wordFeatures && parts.includes('optimizer');
  const features = hasFeatures ? featuresOf(tokenizer) : undefined;
  const specs = tensorSpecs(modelConfig, options, features);
  const tensors = await loadTensors(path, manifest, parts, specs);
  return {
    checkpoint: { path, step, created, ...tensors },
    options,
    tokenizer,
    modelConfig,
    training,
  };
}

/** Whether `error` says that a checkpoint is not whole, and another one may be. */
export function isDamage(error: unknown): error is UserError {
  const codes = ['checkpoint-damaged', 'checkpoint-incomplete', 'checkpoint-tokenizer'];
  return error instanceof UserError && codes.includes(error.code);
}

function tensorSpecs(
  model: ModelConfig,
  options: TrainOptions,
  features: TokenFeatures | undefined,
): TensorSpecs {
  return {
    weights: weightSpecs(model),
    optimizer: optimizerSpecs(model, { ...options, features }),
    state: stateSpecs(model, options.batchSize),
  };
}

/** `error` with a hint about the run's other checkpoints. */
async function withWayOut(
  error: UserError,
  run: string,
  damagedPath: string | undefined,
): Promise<UserError> {
  const others = (await listCheckpoints(run)).filter(
    ({ name }) => damagedPath === undefined || name !== basename(damagedPath),
  );
  const other = others.find(({ best }) => best) ?? others.at(-1);
  if (other === undefined && damagedPath !== undefined) return error;
  const hint =
    other === undefined ? 'train again' : `${join(run, other.name)} looks whole and can be named`;
  return new UserError(
    error.code,
    error.message,
    `gru-lm info --verify ${run} says what is damaged; ${hint}.`,
    { cause: error.cause },
  );
}
