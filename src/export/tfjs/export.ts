import type { CheckpointModel } from '../../checkpoint/model.ts';
import type { Exported } from '../exporter.ts';
import { stepGraph } from './step-graph.ts';
import { weightFiles } from './weights.ts';

/** A graph model of TensorFlow.js: `tf.loadGraphModel('model.json')`. */
export async function exportModel({
  checkpoint,
  modelConfig,
  tokenizer,
}: CheckpointModel): Promise<Exported> {
  const graph = stepGraph(modelConfig, checkpoint.weights);
  const { manifest, files } = weightFiles(graph.constants);
  const model = {
    format: 'graph-model',
    generatedBy: 'gru-lm',
    convertedBy: null,
    ...graph.json(),
    weightsManifest: manifest,
  };
  const json = (value: object) => Buffer.from(`${JSON.stringify(value)}\n`);
  return {
    files: [
      ...files,
      { name: 'tokenizer.json', content: json(tokenizer.toJSON()) },
      { name: 'model.json', content: json(model) },
    ],
    next: [],
  };
}
