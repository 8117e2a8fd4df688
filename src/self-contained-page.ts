/**
 * Pages for a browser that ask for nothing from elsewhere: style, script and data are in them, and their content
 * security policy names the hashes of the first two and forbids all others. Text comes from corpora, checkpoints
 * and names, which may be anybody's: it is in the data alone, as JSON in which nothing is markup, and scripts make
 * text of it, never markup.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What a page is made of: `page.html`, `page.css` and modules of plain JavaScript, in a directory. */
export interface PageAssets {
  /** With a slash at its end. */
  readonly directory: URL;
  /**
   * Names of modules, in an order in which each stands behind those that it imports from. No two have a name in
   * common, since they become one script.
   */
  readonly scripts: readonly string[];
  /** Style that stands before that of `page.css`. */
  readonly style?: string;
}

/**
 * A page with `title` and `data`, which its script finds as JSON in the element `data`. In `page.html`, PAGE_POLICY,
 * PAGE_TITLE, "PAGE_DATA", and PAGE_STYLE and PAGE_SCRIPT as comments stand for what is put in.
 */
export function selfContainedPage(
  { directory, scripts, style: before = '' }: PageAssets,
  title: string,
  data: object,
): string {
  // A browser hashes what it reads, in which every line end is LF.
  const withLineEnds = (text: string) => text.replaceAll('\r\n', '\n');
  const read = (name: string) => withLineEnds(readFileSync(new URL(name, directory), 'utf8'));
  const style = withLineEnds(before) + read('page.css');
  const modules = scripts.map((name) => withoutModules(read(name)));
  const script = `(() => {\n'use strict';\n${modules.join('\n')}})();\n`;
  const parts: Record<string, string> = {
    POLICY: `default-src 'none'; img-src data:; style-src ${hashOf(style)}; script-src ${hashOf(script)}; base-uri 'none'; form-action 'none'`,
    TITLE: escapeHtml(title),
    STYLE: style,
    SCRIPT: script,
    DATA: jsonInHtml(data),
  };
  return read('page.html').replace(
    /\/\* PAGE_(\w+) \*\/|"PAGE_(DATA)"|PAGE_(\w+)/g,
    (_, inCode?: string, inJson?: string, inText?: string) =>
      parts[(inCode ?? inJson ?? inText) as string] as string,
  );
}

/** A module as part of one script, in the scope of which all names of all modules are. */
function withoutModules(code: string): string {
  return code
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
