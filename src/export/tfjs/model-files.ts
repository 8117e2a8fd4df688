import type { ModelConfig } from '../../model/parameters.ts';
import type { TensorMap } from '../../tensor-data.ts';
import type { ExportedFile } from '../exporter.ts';
import type { Quantization } from '../quantize.ts';
import { stepGraph } from './step-graph.ts';
import { weightFiles } from './weights.ts';

/** Where the model's own files are in an export. */
export const MODEL_DIRECTORY = 'model/';

/**
 * A model as `tf.loadGraphModel` reads it: shards of weights, and model.json, which names them.
 *
 * @param metadata what is to be found under the loaded model's `metadata`
 */
export function modelFiles(
  config: ModelConfig,
  weights: TensorMap,
  quantization: Quantization,
  metadata: Readonly<Record<string, unknown>>,
): ExportedFile[] {
  const graph = stepGraph(config, weights, quantization);
  const { manifest, files } = weightFiles(graph.constants);
  const { userDefinedMetadata, ...topology } = graph.json();
  const model = {
    format: 'graph-model',
    generatedBy: 'gru-lm',
    convertedBy: null,
    ...topology,
    userDefinedMetadata: { ...userDefinedMetadata, ...metadata },
    weightsManifest: manifest,
  };
  return [
    ...files.map(({ name, content }) => ({ name: MODEL_DIRECTORY + name, content })),
    { name: `${MODEL_DIRECTORY}model.json`, content: compactJson(model) },
  ];
}

/** JSON that is to be loaded, not read. */
export function compactJson(value: object): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
