/**
 * A page for a browser that shows all that was found out about a text, and asks for nothing from elsewhere: its
 * style, script and data are in it, and its content security policy names the hashes of the first two and forbids
 * all others. Text comes from corpora and checkpoints, which may be anybody's: it is in the data alone, as JSON in
 * which nothing is markup, and the script makes text of it, never markup.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { levelStyle } from './level-style.ts';
import { type PageContents, pageData } from './page-data.ts';

/** Beside this module, in a checkout as in `dist/` (`scripts/build.ts`). */
const assets = new URL('./inspection-page/', import.meta.url);

/** Modules, in an order in which each stands behind those that it imports from. */
const SCRIPTS = ['data.js', 'colours.js', 'heat-map.js', 'panel.js', 'shading.js', 'page.js'];

export function pageOf(contents: PageContents): string {
  const style = withUnixLineEnds(levelStyle()) + readAsset('page.css');
  const script = `(() => {\n'use strict';\n${SCRIPTS.map(withoutModules).join('\n')}})();\n`;
  const parts: Record<string, string> = {
    POLICY: `default-src 'none'; img-src data:; style-src ${hashOf(style)}; script-src ${hashOf(script)}; base-uri 'none'; form-action 'none'`,
    TITLE: escapeHtml(`${contents.title} – gru-lm inspect`),
    STYLE: style,
    SCRIPT: script,
    DATA: jsonInHtml(pageData(contents)),
  };
  return readAsset('page.html').replace(
    /\/\* PAGE_(\w+) \*\/|"PAGE_(DATA)"|PAGE_(\w+)/g,
    (_, inCode?: string, inJson?: string, inText?: string) =>
      parts[(inCode ?? inJson ?? inText) as string] as string,
  );
}

function readAsset(name: string): string {
  return withUnixLineEnds(readFileSync(new URL(name, assets), 'utf8'));
}

/** A browser hashes what it reads, in which every line end is LF. */
function withUnixLineEnds(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** A module as part of one script, in the scope of which all names of all modules are. */
function withoutModules(name: string): string {
  return readAsset(name)
    .replace(/^import [^;]* from '\.\/[\w-]+\.js';\n/gm, '')
    .replace(/^export (?=const |let |function )/gm, '');
}

/** As a content security policy names what is between two tags. */
function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** JSON with no character in it that HTML or an old JavaScript gives a meaning. */
function jsonInHtml(value: object): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
