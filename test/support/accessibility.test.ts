import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../cli-process.ts';
import { accessibilityViolations } from './accessibility.ts';
import { Browser, chromium, NO_CHROMIUM } from './chromium.ts';

const directory = temporaryDirectory();

/** A page that forbids all scripts, so that rules are also found broken where a security policy stands. */
function writePage(name: string, body: string): string {
  const file = join(directory, name);
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
  const head = `<meta charset="utf-8">${policy}<title>A page</title>`;
  const page = `<!doctype html><html lang="en"><head>${head}</head><body><main>${body}</main></body></html>`;
  writeFileSync(file, page);
  return pathToFileURL(file).href;
}

const whether = chromium ? '' : `, skipped: ${NO_CHROMIUM}`;

describe.skipIf(!chromium)(`violations of accessibility${whether}`, () => {
  let browser: Browser;
  beforeAll(() => {
    browser = new Browser();
  });
  afterAll(() => browser?.close());

  it('are none on a page in order', async () => {
    const page = await browser.open(writePage('good.html', '<h1>A title</h1><p>A text.</p>'));
    expect(await accessibilityViolations(page)).toEqual([]);
    expect(page.problems).toEqual([]);
  });

  it('name the rule and the element: a field without a name, text that is too pale', async () => {
    const body =
      '<h1>A title</h1><input id="field"><p id="pale" style="color: #bbb; background: #fff">A text.</p>';
    const found = await accessibilityViolations(await browser.open(writePage('bad.html', body)));
    expect(found.map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
      'color-contrast: #pale',
      'label: #field',
    ]);
  });
});
