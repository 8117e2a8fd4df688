import { basename, dirname, resolve } from 'node:path';
import { openModel } from '../checkpoint/model.ts';
import { type ExportFormat, exportOptions, type GivenExportOptions } from '../config/export.ts';
import { UserError } from '../errors.ts';
import { exporterOf } from '../export/formats.ts';
import { assertWritable, writeFiles } from '../export/write-files.ts';
import { withDefaults } from '../option-table.ts';
import { quantizationCost, showCost } from './export-cost.ts';
import {
  byteCount,
  notice,
  outStyle,
  printJson,
  printLine,
  showInline,
  showMessage,
} from './terminal.ts';

/** `gru-lm export`: writes a model as other programs read it. */
export async function run(
  given: GivenExportOptions,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  const options = withDefaults(exportOptions, given);
  const { overwrite, json } = options;
  const format = requiredFormat(options.format);
  const model = await openModel(name, ['weights']);
  const { path, step } = model.checkpoint;
  const out = options.out ?? `${basename(dirname(resolve(path)))}-${format}`;
  await assertWritable(out, overwrite);
  if (!json) notice(`Exporting ${showInline(path)}, step ${step}.`);
  const exportModel = await exporterOf(format);
  const { files, next } = await exportModel(model, { ...options, out });
  const { quantize } = options;
  const cost = quantize === 'none' ? undefined : await quantizationCost(model, options, signal);
  const written = await writeFiles(out, files, overwrite, signal);
  if (json) {
    const fewerBits = quantize === 'none' ? {} : { quantize, cost: cost ?? null };
    printJson({ path: out, format, checkpoint: path, step, files: written, ...fewerBits });
    return;
  }
  printLine(`${outStyle.bold(showInline(out))}`);
  for (const file of written) {
    printLine(`  ${showInline(file.name).padEnd(40)} ${byteCount(file.bytes).padStart(10)}`);
  }
  if (cost) showCost(options, cost);
  for (const line of next) notice(showMessage(line));
}

function requiredFormat(format: ExportFormat | undefined): ExportFormat {
  if (format !== undefined) return format;
  const choices = exportOptions.format.choices.join(', ');
  throw new UserError(
    'usage',
    `expected --format, found none`,
    `Say what is to read the model: --format ${choices}.`,
  );
}
