/** The page of `gru-lm serve`, in a browser, with its content security policy in force. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { trainTokenizer } from '../src/data/tokenizer.ts';
import { TinyServer, tinyModel } from '../src/serving/testing/tiny-server.ts';
import { accessibilityViolations } from './support/accessibility.ts';
import { useBackend } from './support/backends.ts';
import { Browser, chromium, NO_CHROMIUM, type Page } from './support/chromium.ts';

/** Words that would be markup, were they not text. */
const HOSTILE = `<script>alert(1)</script> <img/src=x/onerror=alert(1)> "'& word`;
const tokenizer = trainTokenizer(`${HOSTILE}\n${HOSTILE}\n`, { kind: 'word' });

let browser: Browser;
let server: TinyServer;

const text = (page: Page, id: string) =>
  page.evaluate<string>(`document.getElementById('${id}').textContent`);
const count = (page: Page, selector: string) =>
  page.evaluate<number>(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
const click = (page: Page, id: string) => page.evaluate(`document.getElementById('${id}').click()`);
const fill = (page: Page, id: string, value: string) =>
  page.evaluate(`document.getElementById('${id}').value = ${JSON.stringify(value)}`);

/** Opens the page once it knows the model. */
async function open(view: Parameters<Browser['open']>[1] = {}): Promise<Page> {
  const page = await browser.open(server.url, view);
  await vi.waitFor(async () => expect(await count(page, '#start:enabled')).toBe(1));
  return page;
}

/** Types a prompt, and waits until there is a text of it. */
async function generate(page: Page, prompt: string, length: number, seed = 1): Promise<void> {
  await fill(page, 'option-length', String(length));
  await fill(page, 'option-seed', String(seed));
  await page.evaluate(`document.getElementById('prompt').focus()`);
  await page.tab.keyboard.type(prompt);
  await click(page, 'start');
  await vi.waitFor(async () => expect(await text(page, 'status')).toMatch(/^Ended /), 20_000);
}

const whether = chromium ? '' : `, skipped: ${NO_CHROMIUM}`;

describe.skipIf(!chromium)(`the playground${whether}`, () => {
  beforeAll(async () => {
    await useBackend('cpu');
    server = await TinyServer.start(tinyModel(tokenizer), { limits: { tokens: 1_000_000 } });
    browser = new Browser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.server.stop();
  });

  it('types a text as the API does, with hostile tokens as text, and asks nobody else', async () => {
    const page = await open();
    const prompt = 'word <script>alert(1)</script>';
    await generate(page, prompt, 40, 3);
    const options = { max_tokens: 40, seed: 3, temperature: 0.8 };
    const made = (await server.complete({ prompt, ...options })).json().choices[0].text;
    expect(await text(page, 'text')).toBe(made);
    expect(await text(page, 'given')).toBe(prompt);
    expect(made).toContain('<img/src=x/onerror=alert(1)>');
    expect(await count(page, 'img, #text script, .output script')).toBe(0);
    expect(await count(page, '[role=option]')).toBe(40);
    expect(await text(page, 'status')).toMatch(
      /^Ended at its full length: 40 tokens, \d\.\d{3} nats a token, seed 3$/,
    );
    expect(page.problems).toEqual([]);
    for (const url of page.requests) expect(url).toMatch(/^(http:\/\/127\.0\.0\.1:\d+\/|data:,$)/);
  });

  it('shades by surprise, or not, and takes the text over into the prompt', async () => {
    const page = await open();
    await generate(page, 'word', 30);
    const levels = `[...document.querySelectorAll('[role=option]')].map(({ className }) => className.trim())`;
    const shaded = await page.evaluate<string[]>(levels);
    expect(new Set(shaded.map((name) => name.split(' ')[0])).size).toBeGreaterThan(1);
    for (const name of shaded) expect(name).toMatch(/^l[0-5]( break)?$/);
    await click(page, 'shade');
    for (const name of await page.evaluate<string[]>(levels)) expect(name).toMatch(/^(break)?$/);
    const whole = `word${await text(page, 'text')}`;
    await click(page, 'keep');
    expect(await page.evaluate(`document.getElementById('prompt').value`)).toBe(whole);
  });

  it('says of a token what else was likely, by pointer and by keys', async () => {
    const page = await open();
    await generate(page, '', 12);
    const shown = () => page.evaluate<boolean>(`!document.getElementById('details').hidden`);
    expect(await shown()).toBe(false);
    await page.tab.hover('[data-place="2"]');
    await vi.waitFor(async () => expect(await shown()).toBe(true));
    const named = await page.evaluate<string>(
      `document.querySelector('[data-place="2"]').dataset.name`,
    );
    expect(await text(page, 'details')).toContain(`“${named}” `);
    expect(await text(page, 'details')).toMatch(/\d\.\d{3} nats, probability /);
    expect(await count(page, '#details tbody tr')).toBe(Math.min(8, tokenizer.vocabularySize));
    await page.tab.hover('#details');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await shown()).toBe(true);
    await page.press('Escape');
    expect(await shown()).toBe(false);

    await page.evaluate(`document.getElementById('shade').focus()`);
    await page.press('Tab');
    const focused = () => page.evaluate<string>(`document.activeElement.dataset.place ?? ''`);
    expect(await focused()).toBe('0');
    await page.press('ArrowRight');
    await page.press('ArrowRight');
    await page.press('ArrowLeft');
    expect(await focused()).toBe('1');
    expect(await shown()).toBe(true);
    expect(await count(page, '[role=option][aria-describedby=details]')).toBe(1);
    await page.press('End');
    expect(await focused()).toBe('11');
    expect(await count(page, '[role=option][tabindex="0"]')).toBe(1);
    expect(page.problems).toEqual([]);
  });

  it('stops a text that is being made, on the server too', async () => {
    const page = await open();
    await fill(page, 'option-length', '1000000');
    await click(page, 'start');
    await vi.waitFor(async () => expect(await count(page, '[role=option]')).toBeGreaterThan(3));
    await click(page, 'stop');
    await vi.waitFor(async () =>
      expect(await text(page, 'status')).toMatch(/^Stopped: \d+ tokens, /),
    );
    await vi.waitFor(async () => expect((await server.load()).running).toBe(0));
    expect(page.problems).toEqual([]);
  });

  it('shows what the server does not take, and goes back to the defaults', async () => {
    const page = await open();
    await fill(page, 'option-ban', 'nothing-like-it');
    await fill(page, 'option-temperature', '0.5');
    await click(page, 'start');
    await vi.waitFor(async () =>
      expect(await text(page, 'problem')).toMatch(
        /^ban: expected a text that is one token, found /,
      ),
    );
    await click(page, 'reset');
    expect(await page.evaluate(`document.getElementById('option-ban').value`)).toBe('');
    expect(await page.evaluate(`document.getElementById('option-temperature').value`)).toBe('0.8');
  });

  it('asks for the key of a server that has one', async () => {
    const locked = await TinyServer.start(tinyModel(tokenizer), { apiKey: 'secret' });
    const page = await browser.open(locked.url);
    await vi.waitFor(async () => expect(await count(page, '#locked:not([hidden])')).toBe(1));
    await page.evaluate(`document.getElementById('key').focus()`);
    await page.tab.keyboard.type('secret');
    await page.press('Tab');
    await vi.waitFor(async () => expect(await count(page, '#start:enabled')).toBe(1));
    await generate(page, 'word', 3);
    expect(await count(page, '[role=option]')).toBe(3);
    await locked.server.stop();
  });

  it.each([
    ['wide and light', { width: 1280, dark: false }],
    ['wide and dark', { width: 1280, dark: true }],
    ['narrow and light', { width: 320, height: 640, dark: false }],
    ['narrow and dark', { width: 320, height: 640, dark: true }],
  ])('fits a window that is %s, and breaks no rule of accessibility', async (_, view) => {
    const page = await open(view);
    expect(await accessibilityViolations(page)).toEqual([]);
    await generate(page, 'word', 60);
    await page.evaluate(`document.getElementById('sampling').open = true`);
    await page.evaluate(`document.querySelector('[data-place="5"]').focus()`);
    await vi.waitFor(async () => expect(await count(page, '#details tbody tr')).toBeGreaterThan(3));
    expect(await accessibilityViolations(page)).toEqual([]);
    const { scroll, width } = await page.evaluate<{ scroll: number; width: number }>(
      `({ scroll: document.documentElement.scrollWidth, width: innerWidth })`,
    );
    expect(scroll).toBeLessThanOrEqual(width);
    expect(page.problems).toEqual([]);
  });
});
