/**
 * A model as a directory for PyTorch: its weights, and a Python file that makes them a module.
 *
 * Where a module runs all layers, PyTorch's own or one that extends it, tensors have the names of the checkpoint.
 * Where there is something between layers, these are a list of modules of one layer each, and those of layer k have
 * k in their names.
 */
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import {
  assertNoAttention,
  configRecord,
  type ExportedModel,
  exportedModel,
  jsonFile,
} from './exported-model.ts';
import type { ExportedFile, Exporter } from './exporter.ts';
import { isOneModule } from './pytorch-cells.ts';
import { pytorchSource } from './pytorch-source.ts';
import { type Quantization, quantize } from './quantize.ts';

/** Added to a tensor's name: the scales of its rows. */
export const SCALE_SUFFIX = '_scale';

export const exportModel: Exporter = async (model, { quantize: quantization }) => ({
  files: pytorchFiles(exportedModel(model, quantization)),
  next: ['In Python, with PyTorch: from model import load; model = load()'],
});

/**
 * The files of the directory.
 *
 * @throws UserError `export-unsupported` for what has no form here, `export-range` as `quantize`
 */
export function pytorchFiles(model: ExportedModel): ExportedFile[] {
  const { config } = model;
  assertNoAttention(config, 'pytorch');
  assertClusters(config);
  const weights = new Map(
    [...model.weights].map(([name, tensor]) => [nameFor(config, name), tensor]),
  );
  const source = pytorchSource(config, model.quantization);
  const tensors = safetensorsPieces(stored(weights, model.quantization), { format: 'pt' });
  return [
    { name: 'model.safetensors', content: tensors },
    jsonFile('config.json', configRecord(model)),
    jsonFile('tokenizer.json', model.tokenizer),
    { name: 'model.py', content: Buffer.from(source) },
  ];
}

function nameFor(config: ModelConfig, name: string): string {
  if (isOneModule(config)) return name;
  return name.replace(/^(\w+)\.((?:weight|bias)_[ih]h)_l(\d+)$/, '$1.$3.$2_l0');
}

/** PyTorch divides the features of a cluster by 4 for each before it, and has none where there are too few. */
function assertClusters({ softmaxCutoffs = [], hiddenSize }: ModelConfig): void {
  if (hiddenSize >= 4 ** softmaxCutoffs.length) return;
  throw new UserError(
    'export-unsupported',
    `expected a hidden size of at least ${4 ** softmaxCutoffs.length} for an adaptive softmax with ` +
      `${softmaxCutoffs.length} clusters in PyTorch, found ${hiddenSize}`,
    'Train with a larger --hidden, fewer --softmax-cutoffs or without --softmax adaptive.',
  );
}

type FileTensor = { shape: readonly number[]; data: Float32Array | Uint16Array | Int8Array };

function stored(weights: TensorMap, quantization: Quantization): Map<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  for (const [name, tensor] of weights as ReadonlyMap<string, TensorData>) {
    const kept = quantize(name, tensor, quantization);
    tensors.set(name, kept);
    if (kept.dtype === 'I8') {
      tensors.set(`${name}${SCALE_SUFFIX}`, { shape: [kept.scales.length], data: kept.scales });
    }
  }
  return tensors;
}
