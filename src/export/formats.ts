import type { ExportFormat } from '../config/export.ts';
import type { Exporter } from './exporter.ts';

/** One module a format, loaded when it is asked for. */
const FORMATS: Readonly<Record<ExportFormat, () => Promise<{ exportModel: Exporter }>>> = {
  tfjs: () => import('./tfjs/export.ts'),
  pytorch: () => import('./pytorch.ts'),
  onnx: () => import('./onnx/model.ts'),
};

export async function exporterOf(format: ExportFormat): Promise<Exporter> {
  return (await FORMATS[format]()).exportModel;
}
