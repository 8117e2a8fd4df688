/** A page for a browser that shows how runs went, beside each other. */
import { commonStyle } from '../inspection/common-style.ts';
import { type PageAssets, selfContainedPage } from '../self-contained-page.ts';
import type { ReportData } from './report-data.ts';

const assets: PageAssets = {
  // Beside this module, in a checkout as in `dist/` (`scripts/build.ts`).
  directory: new URL('./report-page/', import.meta.url),
  scripts: [
    ...['data.js', 'tables.js', 'scales.js', 'chart.js', 'parts.js', 'evaluations.js', 'page.js'],
  ],
};

export function reportPage(data: ReportData): string {
  const [first, ...others] = data.runs;
  const title = others.length === 0 ? (first?.name ?? '') : `${data.runs.length} runs`;
  return selfContainedPage({ ...assets, style: commonStyle() }, `${title} – gru-lm report`, data);
}
