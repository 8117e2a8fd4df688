import type { CheckpointModel } from '../../checkpoint/model.ts';
import type { Exported } from '../exporter.ts';
import { jsonFile, MODEL_DIRECTORY, modelFiles } from './model-files.ts';

/** A graph model of TensorFlow.js: `tf.loadGraphModel('model/model.json')`. */
export async function exportModel({
  checkpoint,
  modelConfig,
  tokenizer,
}: CheckpointModel): Promise<Exported> {
  return {
    files: [
      { name: `${MODEL_DIRECTORY}tokenizer.json`, content: jsonFile(tokenizer.toJSON()) },
      ...modelFiles(modelConfig, checkpoint.weights, 'none', {}),
    ],
    next: [],
  };
}
