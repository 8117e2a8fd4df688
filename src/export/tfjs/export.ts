import { basename, dirname, resolve } from 'node:path';
import type { CheckpointModel } from '../../checkpoint/model.ts';
import type { ExportOptions } from '../../config/export.ts';
import { CHARACTER_RUNS } from '../../data/bpe/character-runs.ts';
import { UserError } from '../../errors.ts';
import { cellKind } from '../../model/cells.ts';
import { parameterCount } from '../../model/parameters.ts';
import type { Exported } from '../exporter.ts';
import { compactJson, MODEL_DIRECTORY, modelFiles } from './model-files.ts';
import { siteFiles } from './site-files.ts';

/** What of a checkpoint is exported. */
type Source = Pick<CheckpointModel, 'modelConfig' | 'tokenizer'> & {
  readonly checkpoint: Pick<CheckpointModel['checkpoint'], 'path' | 'step' | 'weights'>;
};

/**
 * A graph model of TensorFlow.js (`tf.loadGraphModel('model/model.json')`), the module that makes text with it,
 * and a page that shows it.
 */
export async function exportModel(
  model: Source,
  { out = '.', quantize }: Pick<ExportOptions, 'out' | 'quantize'>,
): Promise<Exported> {
  assertTokenizer(model);
  const { checkpoint, modelConfig, tokenizer } = model;
  const weights = modelFiles(modelConfig, checkpoint.weights, quantize, metadataOf(model));
  return {
    files: [
      ...(await siteFiles()),
      { name: `${MODEL_DIRECTORY}tokenizer.json`, content: compactJson(tokenizer.toJSON()) },
      ...weights,
    ],
    next: [
      `Serve it to see its page: python3 -m http.server --directory ${out}`,
      'and open http://localhost:8000. docs/browser.md says how to use the model in your own page.',
    ],
  };
}

/** What the module and the page are to know beside the graph. */
function metadataOf({ checkpoint, modelConfig, tokenizer }: Source): Record<string, unknown> {
  return {
    name: basename(dirname(resolve(checkpoint.path))),
    step: checkpoint.step,
    cell: cellKind(modelConfig.cell).label,
    layers: modelConfig.layers,
    hiddenSize: modelConfig.hiddenSize,
    parameters: parameterCount(modelConfig),
    tokens: tokenizer.kind,
    ...(tokenizer.kind === 'bpe' ? { characterClasses: CHARACTER_RUNS } : {}),
  };
}

function assertTokenizer({ tokenizer }: Source): void {
  if (tokenizer.kind !== 'file') return;
  throw new UserError(
    'export-unsupported',
    'expected a tokenizer of char, word, bpe or byte for a browser, found one of another program that ' +
      'only its own library runs',
    'Export for another program, which can use its tokenizer.json, or train with --tokenizer bpe.',
  );
}
