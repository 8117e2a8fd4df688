/** A page for a browser that shows all that was found out about a text. */
import { type PageAssets, selfContainedPage } from '../self-contained-page.ts';
import { commonStyle } from './common-style.ts';
import { type PageContents, pageData } from './page-data.ts';

const assets: PageAssets = {
  // Beside this module, in a checkout as in `dist/` (`scripts/distribution.ts`).
  directory: new URL('./inspection-page/', import.meta.url),
  scripts: ['data.js', 'colours.js', 'heat-map.js', 'panel.js', 'shading.js', 'page.js'],
};

export function pageOf(contents: PageContents): string {
  const title = `${contents.title} – gru-lm inspect`;
  return selfContainedPage({ ...assets, style: commonStyle() }, title, pageData(contents));
}
