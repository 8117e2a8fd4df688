/** What is exported to other frameworks: a model off its checkpoint. */
import type { CheckpointModel } from '../checkpoint/model.ts';
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../model/parameters.ts';
import type { TensorMap } from '../tensor-data.ts';
import type { ExportedFile } from './exporter.ts';
import type { Quantization } from './quantize.ts';

export interface ExportedModel {
  readonly config: ModelConfig;
  /** By the names of `weightSpecs`, and all finite. */
  readonly weights: TensorMap;
  /** The checkpoint's tokenizer.json. */
  readonly tokenizer: object;
  /** Updates that the model has learned by. */
  readonly step: number;
  readonly quantization: Quantization;
}

export function exportedModel(
  { checkpoint, modelConfig, tokenizer }: CheckpointModel,
  quantization: Quantization,
): ExportedModel {
  const { weights, step } = checkpoint;
  return withoutEmptyClusters({
    ...{ config: modelConfig, weights, tokenizer: tokenizer.toJSON(), step, quantization },
  });
}

/** An adaptive softmax with a head alone is a full softmax, and is exported as one. */
function withoutEmptyClusters(model: ExportedModel): ExportedModel {
  const { softmaxCutoffs, ...config } = model.config;
  if (softmaxCutoffs?.length !== 0) return model;
  const weights = [...model.weights].map(
    ([name, tensor]) => [name.replace(/^fc\.head\./, 'fc.'), tensor] as const,
  );
  return { ...model, config, weights: new Map(weights) };
}

/** @throws UserError `export-unsupported` for a model with attention, which `format` has no form for here */
export function assertNoAttention({ attentionSpan }: ModelConfig, format: string): void {
  if (attentionSpan === undefined) return;
  throw new UserError(
    'export-unsupported',
    `expected a model without attention for --format ${format}, found one of --attention`,
    'Export with --format tfjs, which has all models, or train without --attention.',
  );
}

/** A JSON file as people can read it. */
export function jsonFile(name: string, value: object): ExportedFile {
  return { name, content: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}

/**
 * The sizes and options of a model as exports keep them in `config.json`, by which `gru-lm import` knows them
 * again. Options that are absent are those of a plain model.
 */
export function configRecord({ config, step, quantization }: ExportedModel): object {
  return { format: EXPORT_FORMAT, version: 1, step, quantization, ...config };
}

export const EXPORT_FORMAT = 'gru-lm-export';
