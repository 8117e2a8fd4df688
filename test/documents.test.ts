/** Links from one document to another lead to a file that is there, and to a heading that it has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from './support/checkout.ts';

const documents = ['.', 'docs', 'corpora'].flatMap((directory) =>
  readdirSync(join(ROOT, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name)),
);

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^```.*?^```/gms, '');
}

/** Without what is code, but for code that is the text of a link. */
function proseOf(markdown: string): string {
  return withoutBlocks(markdown).replace(/`[^`\n]*`(?!\])/g, '');
}

/** As GitHub names the place of a heading: in small letters, without marks, spaces as hyphens. */
function anchorsOf(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What is wrong with the links of a document. */
function brokenLinks(document: string): string[] {
  const prose = proseOf(readFileSync(join(ROOT, document), 'utf8'));
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? join(ROOT, document) : join(ROOT, dirname(document), file);
    if (!existsSync(path)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(path, 'utf8')).includes(anchor);
  });
}

describe('documents', () => {
  test.each(documents)('%s has no link that leads nowhere', (document) => {
    expect(brokenLinks(document)).toEqual([]);
  });

  test('the README leads to each', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const missing = documents
      .map((document) => relative('.', document))
      .filter((document) => document !== 'README.md' && !readme.includes(`](${document}`));
    expect(missing).toEqual([]);
  });
});
