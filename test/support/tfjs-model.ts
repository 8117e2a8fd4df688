/** Exports for TensorFlow.js, read back as TensorFlow.js reads them. */
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import type { ExportedFile } from '../../src/export/exporter.ts';

/** The bytes of a file of an export. */
export function contentOf(files: readonly ExportedFile[], name: string): Uint8Array {
  const file = files.find((each) => each.name === name);
  if (!file) throw new Error(`expected ${name}, found ${files.map((each) => each.name)}`);
  const { content } = file;
  return Buffer.concat(content instanceof Uint8Array ? [content] : [...content]);
}

/** The JSON of a file of an export. */
export function jsonOf<Json>(files: readonly ExportedFile[], name: string): Json {
  return JSON.parse(Buffer.from(contentOf(files, name)).toString()) as Json;
}

/** The model in a directory of an export, on the current backend. */
export function loadExported(
  files: readonly ExportedFile[],
  directory = 'model/',
): Promise<GraphModel> {
  const load = () =>
    tf.io.getModelArtifactsForJSON(
      jsonOf<tf.io.ModelJSON>(files, `${directory}model.json`),
      async (manifest) => {
        const shards = manifest.flatMap(({ paths }) => paths);
        const bytes = Buffer.concat(shards.map((path) => contentOf(files, directory + path)));
        return [tf.io.getWeightSpecs(manifest), Uint8Array.from(bytes).buffer];
      },
    );
  return loadGraphModel({ load });
}
