/** The page of `gru-lm inspect --html`, in a browser. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageOf } from '../src/inspection/page.ts';
import { weighTokens } from '../src/inspection/saliency.ts';
import { traceText } from '../src/inspection/trace.ts';
import type { ModelConfig } from '../src/model/parameters.ts';
import { temporaryDirectory } from './cli-process.ts';
import { accessibilityViolations } from './support/accessibility.ts';
import { useBackend } from './support/backends.ts';
import { Browser, chromium, NO_CHROMIUM, type Page } from './support/chromium.ts';
import { randomIds, randomWeights } from './support/models.ts';

const directory = temporaryDirectory();
const config: ModelConfig = {
  vocabularySize: 8,
  embeddingSize: 4,
  hiddenSize: 12,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0,
};
const NAMES = [
  'word',
  ' ',
  '<unk>',
  '\n',
  '漢字',
  '</script><img src=x onerror=alert(1)>',
  '"\'&',
  '\u2028',
];
const TOKENS = 2000;

let browser: Browser;
let url: string;

/** Writes the page of a text of random tokens, so many of them. */
async function writePage(name: string, tokens: number): Promise<string> {
  const weights = randomWeights(config, 1);
  const ids = randomIds(config, tokens);
  const trace = await traceText(config, weights, ids, { alternatives: 3 });
  const places = Array.from(ids.keys()).slice(1);
  const html = pageOf({
    title: '<b>a text</b>',
    checkpoint: 'run/step-00000001',
    config,
    tokenName: (id) => NAMES[id] as string,
    trace,
    texts: Array.from(ids, (id) => ({ lead: '', text: NAMES[id] as string })),
    saliencies: await weighTokens(config, weights, trace, places, { span: 4 }),
    span: 4,
    units: 5,
    chosen: Math.min(1, tokens - 1),
  });
  const file = join(directory, name);
  writeFileSync(file, html);
  return pathToFileURL(file).href;
}

const whether = chromium ? '' : `, skipped: ${NO_CHROMIUM}`;

describe.skipIf(!chromium)(`the page of an inspection${whether}`, () => {
  beforeAll(async () => {
    await useBackend('wasm');
    url = await writePage('page.html', TOKENS);
    browser = new Browser();
  });

  afterAll(() => browser?.close());

  /** What the page says of the chosen token. */
  const chosen = (page: Page) =>
    page.evaluate<string>(`document.getElementById('name').textContent`);

  it('shows thousands of tokens, their text as text, and asks for nothing else', async () => {
    const page = await browser.open(url);
    expect(page.problems).toEqual([]);
    expect(page.requests).toEqual([url]);
    expect(await page.evaluate(`document.querySelectorAll('[role=option]').length`)).toBe(TOKENS);
    expect(await page.evaluate(`document.querySelectorAll('img, script:not([id])').length`)).toBe(
      1,
    );
    expect(await page.evaluate(`document.querySelector('h1').textContent`)).toBe(
      '<b>a text</b> under run/step-00000001',
    );
    const shown = await page.evaluate<string>(`document.getElementById('text').textContent`);
    expect(shown).toContain('</script><img src=x onerror=alert(1)>');
  });

  it('goes from token to token by keys, of which one is in the order of Tab', async () => {
    const page = await browser.open(url);
    expect(await chosen(page)).toMatch(/ at place 1$/);
    const focused = () => page.evaluate<string>(`document.activeElement.dataset.place ?? ''`);
    for (let i = 0; i < 9 && (await focused()) === ''; i++) await page.press('Tab');
    expect(await focused()).toBe('1');
    await page.press('ArrowRight');
    await page.press('ArrowRight');
    await page.press('ArrowLeft');
    expect(await chosen(page)).toMatch(/ at place 2$/);
    await page.press('End');
    expect(await chosen(page)).toMatch(/ at place 1999$/);
    await page.press('Home');
    expect(await page.evaluate(`document.getElementById('prediction').textContent`)).toBe(
      'The first token is not predicted.',
    );
    const top = `document.activeElement.getBoundingClientRect().top + scrollY`;
    const before = await page.evaluate<number>(top);
    await page.press('ArrowDown');
    expect(await page.evaluate<number>(top)).toBeGreaterThan(before);
    await page.press('ArrowUp');
    expect(await focused()).toBe('0');
    expect(
      await page.evaluate(`document.querySelectorAll('[role=option][tabindex="0"]').length`),
    ).toBe(1);
    expect(page.problems).toEqual([]);
  });

  it('has the tables, the lines and the map of the chosen token', async () => {
    const page = await browser.open(url);
    await page.evaluate(`document.querySelector('[data-place="100"]').click()`);
    const rows = (id: string) =>
      page.evaluate<number>(`document.querySelectorAll('#${id} tbody tr').length`);
    expect(await rows('likeliest')).toBe(3);
    expect(await rows('rests')).toBe(4);
    expect(await rows('gates')).toBe(6);
    expect(await page.evaluate(`document.querySelectorAll('#scale .swatch').length`)).toBe(5);
    const lined = `[...document.querySelectorAll('[role=option]')].filter(({ style }) => style.borderTop || style.borderBottom)`;
    const places = await page.evaluate<number[]>(
      `${lined}.map(({ dataset }) => Number(dataset.place))`,
    );
    expect(places.length).toBeGreaterThan(0);
    for (const place of places) expect(place >= 96 && place < 100).toBe(true);
    expect(await page.evaluate(`document.getElementById('readout').textContent`)).toMatch(
      /^layer 1, state of unit \d+ at “.*”, place 100: [+−]\d\.\d{3}$/s,
    );
    const shades = `(value) => { const shade = document.getElementById('shade'); shade.value = value; shade.dispatchEvent(new Event('change')); return document.querySelector('[data-place="100"]').style.backgroundColor; }`;
    expect(await page.evaluate(`(${shades})('unit')`)).toMatch(/^rgb/);
    expect(await page.evaluate(`(${shades})('surprise')`)).toBe('');
    expect(page.problems).toEqual([]);
  });

  it.each([
    ['wide and light', { width: 1280, dark: false }],
    ['wide and dark', { width: 1280, dark: true }],
    ['narrow and light', { width: 320, height: 640, dark: false }],
    ['narrow and dark', { width: 320, height: 640, dark: true }],
  ])('fits a window that is %s, with text that stands out', async (_, view) => {
    const page = await browser.open(url, view);
    const { scroll, width } = await page.evaluate<{ scroll: number; width: number }>(
      `({ scroll: document.documentElement.scrollWidth, width: innerWidth })`,
    );
    expect(scroll).toBeLessThanOrEqual(width);
    const pairs = await page.evaluate<[string, string][]>(
      `[0, 1, 2, 3, 4, 5].map((level) => {
        const swatch = document.createElement('span');
        swatch.className = 'l' + level;
        document.body.append(swatch);
        const { color, backgroundColor } = getComputedStyle(swatch);
        return [color, backgroundColor];
      })`,
    );
    for (const [ink, ground] of pairs) expect(contrast(ink, ground)).toBeGreaterThanOrEqual(4.5);
    const [ground] = pairs[0]!.slice(1);
    expect(luminance(ground as string) < 0.5).toBe(view.dark);
    expect(page.problems).toEqual([]);
  });

  it.each([false, true])('breaks no rule of accessibility (dark: %s)', async (dark) => {
    // As many tokens as have every level of surprise, since each is looked at.
    const page = await browser.open(await writePage('short.html', 200), { dark });
    await page.evaluate(`document.getElementById('numbers').click()`);
    await page.evaluate(`document.querySelector('#surprising summary').click()`);
    expect(await accessibilityViolations(page)).toEqual([]);
    for (const [width, shade] of [
      [420, 'mean 0'],
      [1280, 'unit'],
    ] as const) {
      await page.look({ width, dark });
      await page.evaluate(
        `(() => { const shade = document.getElementById('shade'); shade.value = '${shade}'; shade.dispatchEvent(new Event('change')); })()`,
      );
      expect(await accessibilityViolations(page)).toEqual([]);
    }
    expect(page.problems).toEqual([]);
  });

  it('of a single token says what may come next', async () => {
    const page = await browser.open(await writePage('one.html', 1));
    expect(await page.evaluate(`document.getElementById('totals').textContent`)).toMatch(
      /\. 1 token, which is not predicted\.$/,
    );
    expect(await chosen(page)).toMatch(/ at place 0$/);
    expect(await page.evaluate(`document.querySelectorAll('#following tbody tr').length`)).toBe(3);
    expect(await page.evaluate(`document.getElementById('readout').textContent`)).toMatch(
      /^layer 1, state of unit 0 at /,
    );
    expect(page.problems).toEqual([]);
  });
});

/** Of WCAG 2.2, for `rgb(r, g, b)`. */
function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = (color.match(/\d+/g) ?? []).map((channel) => {
    const share = Number(channel) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
