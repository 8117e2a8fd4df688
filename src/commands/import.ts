import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { withFile } from '../checkpoint/checked-file.ts';
import { openRun } from '../checkpoint/run.ts';
import { assertFree, RUNS_DIRECTORY } from '../checkpoint/run-directory.ts';
import { type GivenImportOptions, importOptions } from '../config/import.ts';
import { modelConfigOf } from '../config/train.ts';
import { type TrainOptions, trainOptions } from '../config/train-options.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { UserError } from '../errors.ts';
import { asImportError, type ImportedModel } from '../import/imported-model.ts';
import { readLayersModel } from '../import/layers-model.ts';
import { assertSafetensors, readPytorchFile } from '../import/pytorch-file.ts';
import { readTokenList } from '../import/token-list.ts';
import { importedVocabulary, withRows } from '../import/vocabulary.ts';
import { parameterCount, weightSpecs } from '../model/parameters.ts';
import { parseStored, withDefaults } from '../option-table.ts';
import type { TensorMap } from '../tensor-data.ts';
import { modelSnapshot } from './model-snapshot.ts';
import {
  count,
  errorStyle,
  notice,
  outStyle,
  printJson,
  printLine,
  showInline,
  showMessage,
} from './terminal.ts';
import { contentsOf } from './train-checkpoint.ts';

type Options = ReturnType<typeof withDefaults<typeof importOptions>>;

/** `gru-lm import`: makes a run of a model that another program trained. */
export async function run(
  given: GivenImportOptions,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  const options = withDefaults(importOptions, given);
  const file = await modelFile(name as string);
  const out = options.out ?? join(RUNS_DIRECTORY, nameOf(file));
  const { overwrite, json } = options;
  await assertFreeForImport(out, overwrite);
  const { training, tokenizer, weights, notices } = await readModel(file, options, given);
  signal.throwIfAborted();
  const config = modelConfigOf(training, tokenizer.vocabularySize);
  const ordered: TensorMap = new Map(
    weightSpecs(config).map(({ name: each }) => [each, weights.get(each)!]),
  );
  const snapshot = modelSnapshot(training, tokenizer.vocabularySize, ordered);
  const record = { corpus: [], valid: [], test: [] };
  const contents = contentsOf(snapshot, training, tokenizer, record);
  const writer = await openRun(out, { overwrite });
  let path: string;
  try {
    path = await writer.save(0, contents, { best: true });
  } finally {
    await writer.close();
  }
  for (const text of notices) notice(errorStyle.yellow(showMessage(text)));
  const parameters = parameterCount(config);
  const { kind, vocabularySize } = tokenizer;
  if (json) {
    printJson({ path, model: config, parameters, tokenizer: { kind, vocabularySize }, notices });
    return;
  }
  const layers = `${config.layers} × ${config.cell} of ${config.hiddenSize}`;
  printLine(outStyle.bold(showInline(path)));
  printLine(
    `  ${layers}, ${count(vocabularySize)} tokens (${kind}), ${count(parameters)} parameters`,
  );
  notice(
    `gru-lm sample ${showInline(out)} makes text with it; gru-lm eval --text FILE measures it.`,
  );
}

/** The file that holds the model, where a directory may have been named. */
async function modelFile(name: string): Promise<string> {
  const kind = await stat(name).catch(() => undefined);
  if (kind === undefined) {
    throw new UserError(
      'import-file',
      `expected a model at ${name}, found nothing`,
      'Name a safetensors file, a model.json of TensorFlow.js, or a directory with one of them.',
    );
  }
  if (!kind.isDirectory()) return name;
  for (const each of ['model.safetensors', 'model.json']) {
    if (await stat(join(name, each)).catch(() => undefined)) return join(name, each);
  }
  throw new UserError(
    'import-file',
    `expected model.safetensors or model.json in ${name}, found neither`,
    'Name the file itself; gru-lm’s own checkpoints need no import.',
  );
}

/** What a run of the file is called: by itself, or by its directory where files are always called so. */
function nameOf(file: string): string {
  const own = basename(file, extname(file));
  return own === 'model' ? basename(dirname(resolve(file))) : own;
}

async function assertFreeForImport(out: string, overwrite: boolean): Promise<void> {
  try {
    await assertFree(out, { overwrite });
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'run-exists') throw error;
    const hint = 'Give another directory with --out, or --overwrite to replace the run.';
    throw new UserError(error.code, error.message, hint);
  }
}

interface ReadModel {
  training: TrainOptions;
  tokenizer: Tokenizer;
  /** By the tokenizer's ids. */
  weights: TensorMap;
  notices: readonly string[];
}

async function readModel(
  file: string,
  options: Options,
  given: GivenImportOptions,
): Promise<ReadModel> {
  try {
    const begins = await withFile(file, async (source) => {
      const bytes = new Uint8Array(Math.min(16, source.length));
      await source.read(bytes);
      return bytes;
    });
    const isJson = begins[0] === 0x7b;
    if (!isJson) assertSafetensors(file, begins);
    const model = await (isJson ? readLayersModel(file) : readPytorchFile(file, options));
    assertActivationIsTaken(model, file, given);
    const read = await withTokenizer(model, file, options);
    return { training: trainedAs(model, read.tokenizer, file), ...read };
  } catch (error) {
    throw asImportError(error);
  }
}

/** @throws UserError `usage` for an activation of a model that says its own */
function assertActivationIsTaken(
  { takesActivation }: ImportedModel,
  file: string,
  { activation }: GivenImportOptions,
): void {
  if (takesActivation || activation === undefined) return;
  throw new UserError(
    'usage',
    `${file}: expected an nn.RNN of PyTorch with --activation, found another model`,
    'Leave out --activation: it is known of any other model.',
  );
}

async function withTokenizer(
  model: ImportedModel,
  file: string,
  options: Options,
): Promise<Omit<ReadModel, 'training'>> {
  const path = options.vocab ?? model.tokenizerFile;
  if (path === undefined) {
    throw new UserError(
      'import-vocabulary',
      `expected the model’s vocabulary, found no tokenizer.json beside ${file}`,
      'Give --vocab FILE: a JSON array of tokens, a JSON object from token to id, or one token a line.',
    );
  }
  const list = await readTokenList(path);
  if ('tokenizer' in list) assertNoTokenOptions(path, options);
  const size = 'tokens' in list ? list.tokens.length : list.tokenizer.vocabularySize;
  if (size !== model.vocabularySize) {
    throw new UserError(
      'import-vocabulary',
      `${path}: expected ${count(model.vocabularySize)} tokens, one a row of the embedding, found ${count(size)}`,
      'Give the vocabulary that the model was trained with, special tokens included.',
    );
  }
  if ('tokenizer' in list)
    return { tokenizer: list.tokenizer, weights: model.weights, notices: [] };
  if (model.keepsIds) {
    throw new UserError(
      'import-vocabulary',
      `expected the tokenizer.json of the export, for an adaptive softmax cuts tokens by their ids, found ${path}`,
      'Leave out --vocab, and keep tokenizer.json beside the weights.',
    );
  }
  const { tokenizer: kind, lowercase } = options;
  const { tokenizer, rows, notices } = importedVocabulary(list.tokens, path, { kind, lowercase });
  return { tokenizer, weights: withRows(model.weights, rows), notices };
}

/** @throws UserError `usage` for an option that says what a tokenizer.json says */
function assertNoTokenOptions(path: string, options: Options): void {
  const name = (['tokenizer', 'lowercase'] as const).find((each) => options[each]);
  if (name === undefined) return;
  const { flag } = importOptions[name];
  throw new UserError(
    'usage',
    `${path}: expected a list of tokens with --${flag}, found a tokenizer.json`,
    `Leave out --${flag}: the file says it.`,
  );
}

/**
 * Options as if the model had been trained here, so that everything that reads a run can read it.
 *
 * @throws UserError `checkpoint-damaged` for a size that no model here may have
 */
function trainedAs({ options }: ImportedModel, { kind }: Tokenizer, file: string): TrainOptions {
  const tokenizer = kind === 'file' ? {} : { tokenizer: kind };
  const trained = { ...options, ...tokenizer, optimizer: 'adam', batchSize: 1, maxSteps: 1 };
  return parseStored(trainOptions, trained, file);
}
