/** Models of PyTorch: a safetensors file of a state dict, whoever wrote it. */
import { basename, dirname, join } from 'node:path';
import { readShortFile, withFile } from '../checkpoint/checked-file.ts';
import { decodeJsonObject, type JsonObject } from '../checkpoint/json.ts';
import { type Dtype, readSafetensors } from '../checkpoint/safetensors.ts';
import { modelConfigOf } from '../config/train.ts';
import { trainOptions } from '../config/train-options.ts';
import { EXPORT_FORMAT } from '../export/exported-model.ts';
import { SCALE_SUFFIX } from '../export/pytorch.ts';
import { dequantizeRows } from '../export/quantize.ts';
import { assertTensors, weightSpecs } from '../model/parameters.ts';
import type { Activation } from '../ops/activation.ts';
import { parseStored } from '../option-table.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { type ImportedModel, tokenizerBeside, unfit } from './imported-model.ts';
import { recurrentLayers } from './recurrent-tensors.ts';
import { tokenTensors } from './token-tensors.ts';

const DTYPES: readonly Dtype[] = ['F32', 'F16', 'BF16', 'F64', 'I8'];
const LONGEST_CONFIG = 1 << 16;
/** What tensors have that belong to a module of a module, or to one that was compiled or made parallel. */
const WRAPPERS = /^(?:module|model|_orig_mod|state_dict|net|network)\./;

/** What cannot be seen in a state dict. */
export interface UnseenOptions {
  /** Of an nn.RNN. */
  activation: Activation;
}

/**
 * The model in the safetensors file `path`, with what `gru-lm export` puts beside it if it is of that.
 *
 * @throws UserError `import-file`, or of the code `checkpoint-…` for a file that is not whole
 */
export async function readPytorchFile(
  path: string,
  { activation }: UnseenOptions,
): Promise<ImportedModel> {
  const tensors = await withFile(path, (source) =>
    readSafetensors(source, path, undefined, DTYPES),
  );
  const tokenizerFile = await tokenizerBeside(path);
  const weights = unscaled(tensors, path);
  const config = await readExportConfig(dirname(path));
  if (config) return ownModel(weights, config, path, tokenizerFile);

  const named = withoutWrappers(weights);
  const { others, ...recurrent } = recurrentLayers(named, path);
  const { cell, gruVariant, embeddingSize, hiddenSize, layers } = recurrent;
  const tokens = tokenTensors(others, recurrent, path);
  return {
    options: {
      ...{ cell, gruVariant, embeddingSize, hiddenSize, layers, tied: tokens.tied },
      ...(cell === 'rnn' ? { activation } : {}),
    },
    weights: new Map([...tokens.weights, ...recurrent.weights]),
    vocabularySize: tokens.vocabularySize,
    tokenizerFile,
    takesActivation: cell === 'rnn',
    keepsIds: false,
  };
}

/** The config of an export of ours in `directory`; undefined: there is another's, or none that can be read. */
async function readExportConfig(directory: string): Promise<JsonObject | undefined> {
  const path = join(directory, 'config.json');
  try {
    const config = decodeJsonObject(await readShortFile(path, LONGEST_CONFIG), path);
    return config.format === EXPORT_FORMAT ? config : undefined;
  } catch {
    return undefined;
  }
}

/** A model that `gru-lm export` wrote: all that its config says of it, and no guesses. */
function ownModel(
  tensors: TensorMap,
  config: JsonObject,
  path: string,
  tokenizerFile: string | undefined,
): ImportedModel {
  const { softmaxCutoffs, vocabularySize } = config;
  if (!Number.isSafeInteger(vocabularySize)) {
    const hint = 'Export the model again.';
    throw unfit(path, 'the size of the vocabulary in config.json', String(vocabularySize), hint);
  }
  const softmax = softmaxCutoffs === undefined ? 'full' : 'adaptive';
  const record = { ...config, softmax, attention: false };
  const options = parseStored(trainOptions, record, join(dirname(path), 'config.json'));
  const weights: TensorMap = new Map(
    // Where layers are a list of modules.
    [...tensors].map(([name, tensor]) => [
      name.replace(/^(\w+)\.(\d+)\.((?:weight|bias)_[ih]h)_l0$/, '$1.$3_l$2'),
      tensor,
    ]),
  );
  const specs = weightSpecs(modelConfigOf(options, vocabularySize as number));
  assertTensors(weights, specs, path);
  return {
    options,
    weights: new Map(specs.map(({ name }) => [name, weights.get(name) as TensorData])),
    vocabularySize: vocabularySize as number,
    tokenizerFile,
    takesActivation: false,
    keepsIds: softmax === 'adaptive',
  };
}

/** Whole numbers times the scales of their rows. */
function unscaled(tensors: TensorMap, path: string): TensorMap {
  const weights: TensorMap = new Map();
  for (const [name, tensor] of tensors) {
    if (name.endsWith(SCALE_SUFFIX) && tensors.has(name.slice(0, -SCALE_SUFFIX.length))) continue;
    const scales = tensors.get(`${name}${SCALE_SUFFIX}`);
    const isFit = tensor.shape.length === 2 && scales?.data.length === tensor.shape[0];
    if (scales && !isFit) {
      const expected = `a scale for each of the ${tensor.shape[0]} rows of ${name}`;
      throw unfit(path, expected, `${scales.data.length}`, 'Export the model again.');
    }
    weights.set(name, scales ? dequantizeRows(tensor, scales.data) : tensor);
  }
  return weights;
}

/** Tensors without the beginnings of names that all of them share. */
function withoutWrappers(tensors: TensorMap): TensorMap {
  let named = [...tensors];
  for (;;) {
    const wrapper = WRAPPERS.exec(named[0]?.[0] ?? '')?.[0];
    if (wrapper === undefined || named.some(([name]) => !name.startsWith(wrapper))) break;
    named = named.map(([name, tensor]) => [name.slice(wrapper.length), tensor]);
  }
  return new Map(named);
}

const PICKLES = /\.(?:pt|pth|ckpt|pkl|pickle|bin)$/i;

/**
 * Makes sure that a file is one of safetensors.
 *
 * @param begins its first 16 bytes, or fewer if there are no more
 * @throws UserError `import-file` for anything else, a pickle in particular
 */
export function assertSafetensors(path: string, begins: Uint8Array): void {
  // The length of a header, of which the upper bytes are zeros, and the header, which is an object.
  if (begins[7] === 0 && begins[8] === 0x7b) return;
  const isZip = begins[0] === 0x50 && begins[1] === 0x4b;
  const isPickle = begins[0] === 0x80 && (begins[1] ?? 0xff) < 8;
  if (!PICKLES.test(path) && !isZip && !isPickle) {
    throw unfit(
      path,
      'safetensors, or the model.json of TensorFlow.js',
      'neither',
      'docs/other-frameworks.md says what can be imported.',
    );
  }
  const name = JSON.stringify(basename(path));
  throw unfit(
    path,
    'safetensors',
    'a pickle of PyTorch, which can run any program when it is read',
    'Make safetensors of it in Python: import torch, safetensors.torch; ' +
      `tensors = torch.load(${name}, map_location="cpu", weights_only=True); ` +
      'safetensors.torch.save_file({k: v.clone() for k, v in tensors.items()}, "model.safetensors")',
  );
}
