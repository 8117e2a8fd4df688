/** The page that asks for texts, in a browser. All of it comes from here, and its policy forbids everything else. */
import { readFileSync } from 'node:fs';
import { commonStyle } from '../inspection/common-style.ts';

/** Beside this module, in a checkout as in `dist/` (`scripts/build.ts`). */
const assets = new URL('./playground-page/', import.meta.url);

const SCRIPTS = ['api.js', 'controls.js', 'details.js', 'page.js', 'text.js'];

export interface Asset {
  readonly body: Buffer;
  readonly type: string;
}

/** The files of the page by their addresses; there are no others. */
export function readPlayground(): ReadonlyMap<string, Asset> {
  const read = (name: string, type: string, before = ''): Asset => {
    const bytes = readFileSync(new URL(name, assets));
    return { body: Buffer.concat([Buffer.from(before), bytes]), type };
  };
  return new Map([
    ['/', read('page.html', 'text/html; charset=utf-8')],
    ['/page.css', read('page.css', 'text/css; charset=utf-8', commonStyle())],
    ...SCRIPTS.map((name) => [`/${name}`, read(name, 'text/javascript; charset=utf-8')] as const),
  ]);
}

/** What the page may load and ask: what this server has. */
export const PAGE_POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "connect-src 'self'", 'img-src data:'],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');
