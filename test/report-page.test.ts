/** The page of `gru-lm report`, in a browser. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReportEvaluation } from '../src/report/evaluations.ts';
import { reportPage } from '../src/report/page.ts';
import type { ReportRun } from '../src/report/report-data.ts';
import { temporaryDirectory } from './cli-process.ts';
import { accessibilityViolations } from './support/accessibility.ts';
import { Browser, chromium, NO_CHROMIUM, type Page } from './support/chromium.ts';

const directory = temporaryDirectory();
const HOSTILE = '</script><img src=x onerror=alert(1)>"\'&\u2028';

/** A run of so many steps, each point of its curves one of them. */
function runOf(name: string, steps: number, settings: Record<string, string> = {}): ReportRun {
  const step = Array.from({ length: steps }, (_, i) => i + 1);
  const every = step.filter((at) => at % 10 === 0);
  return {
    ...{ name, path: `checkpoints/${name}`, step: steps, saved: '2026-01-31T12:00:00.000Z' },
    ...{ finished: true, epoch: steps / 8, elapsedSeconds: steps, parameters: 12_345 },
    tokens: 'char, vocabulary 65',
    best: steps < 10 ? null : { step: 10, nats: 1.5 },
    texts: [{ part: 'corpus', name: HOSTILE, bytes: 1234, sha256: 'f'.repeat(64) }],
    settings: { '--hidden': '64', '--lr': '0.01', ...settings },
    steps: {
      ...{ together: 1, step, epoch: step.map((at) => at / 8), seconds: step },
      loss: step.map((at) => 1 + 3 / at),
      ...{ rate: step.map(() => 0.01), norm: step.map(() => 1), speed: step.map(() => null) },
    },
    validations: every.map((at) => ({
      ...{ step: at, epoch: at / 8, seconds: at, trainLoss: 1 + 3 / at, nats: 1.1 + 3 / at },
    })),
    samples: every.map((at) => ({ step: at, text: `${HOSTILE}\nof step ${at}` })),
  };
}

function evaluated(
  name: string,
  text: string,
  perplexity: number | null,
  { textId = text, tokenizerId = 'b' } = {},
): ReportEvaluation {
  const known = { perplexity, perplexityWithoutOov: perplexity, perplexityPerWord: 123.4 };
  const bits = { natsPerToken: 1.23456, bitsPerCharacter: 1.7, bitsPerByte: 1.7, tokens: 12_345 };
  return {
    ...{ name, text, textId, tokenizerId },
    convention: 'one stream, its state carried',
    figures: { ...known, ...bits },
  };
}

function writePage(file: string, runs: ReportRun[], evaluations: ReportEvaluation[] = []): string {
  const path = join(directory, file);
  writeFileSync(path, reportPage({ created: '2026-02-01T00:00:00.000Z', runs, evaluations }));
  return pathToFileURL(path).href;
}

const whether = chromium ? '' : `, skipped: ${NO_CHROMIUM}`;

describe.skipIf(!chromium)(`the page of a report${whether}`, () => {
  let browser: Browser;
  beforeAll(() => {
    browser = new Browser();
  });
  afterAll(() => browser?.close());

  const three = [
    runOf('first', 40),
    runOf(HOSTILE, 30, { '--lr': '0.02' }),
    runOf('third', 4, { '--hidden': HOSTILE, '--tied': 'yes' }),
  ];

  it('shows runs beside each other, whatever they are called, and asks for nothing else', async () => {
    const url = writePage('three.html', three);
    const page = await browser.open(url);
    expect(page.problems).toEqual([]);
    expect(page.requests.filter((request) => !request.startsWith('data:'))).toEqual([url]);
    const texts = (selector: string) =>
      page.evaluate<string[]>(
        `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (one) => one.textContent)`,
      );
    expect(await texts('#overview tbody th')).toEqual(['first', HOSTILE, 'third']);
    expect(await texts('img')).toEqual([]);
    expect(await texts('#settings tbody th')).toEqual(['--hidden', '--lr', '--tied']);
    expect(await texts('#settings tbody tr:nth-child(2) td')).toEqual(['0.01', '0.02', '0.01']);
    expect(await texts('#samples h3')).toEqual(['first', HOSTILE, 'third']);
    expect((await texts('#samples pre'))[0]).toBe(`${HOSTILE}\nof step 40`);
    expect(await texts('#legend li')).toHaveLength(6);
    // The third run has no validation.
    expect((await texts('#losses svg path.valid')).length).toBe(3);
    expect((await texts('#losses path.mark')).length).toBe(4 + 3);
    await page.evaluate(`document.getElementById('all-settings').click()`);
    expect(await texts('#settings tbody th')).toHaveLength(3);
    expect(await texts('#others .note')).toEqual(['Nothing is known of this.']);
  });

  const evaluations = [
    evaluated('first, step 40', 'valid', 4.5678),
    evaluated(HOSTILE, 'valid', null),
    evaluated('first, step 40', HOSTILE, 1234.5),
  ];

  it('has a table of evaluations for each text, and no heading without any', async () => {
    const page = await browser.open(writePage('evaluated.html', three, evaluations));
    const texts = (selector: string) =>
      page.evaluate<string[]>(
        `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (one) => one.textContent)`,
      );
    expect(await texts('#evaluations caption')).toEqual([
      'valid: one stream, its state carried',
      `${HOSTILE}: one stream, its state carried`,
    ]);
    expect(await texts('#evaluations h3')).toEqual(['valid', HOSTILE]);
    expect(await texts('#evaluations tbody th')).toEqual([
      ...['first, step 40', HOSTILE, 'first, step 40'],
    ]);
    expect(await texts('#evaluations tr:nth-child(1) td')).toEqual([
      ...['4.568', '4.568', '123.4', '1.2346', '1.7000', '1.7000', '12,345'],
      ...['1,235', '1,235', '123.4', '1.2346', '1.7000', '1.7000', '12,345'],
    ]);
    expect(await texts('#evaluations tr:nth-child(2) td')).toContain('–');
    expect(page.problems).toEqual([]);
    const plain = await browser.open(writePage('plain.html', three));
    expect(
      await plain.evaluate(`document.getElementById('evaluations-section').offsetHeight`),
    ).toBe(0);
  });

  it('tells texts of one name apart, and says where tokens differ', async () => {
    const rows = [
      evaluated('first', 'valid', 57.06, { textId: 'a' }),
      evaluated('second', 'valid', 58.82, { textId: 'c' }),
      evaluated('third', 'valid', 1244, { textId: 'a', tokenizerId: 'd' }),
    ];
    const page = await browser.open(writePage('unlike.html', three, rows));
    const texts = (selector: string) =>
      page.evaluate<string[]>(
        `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (one) => one.textContent)`,
      );
    expect(await texts('#evaluations h3')).toEqual(['valid, text 1 of 2', 'valid, text 2 of 2']);
    expect(await texts('#evaluations table:has(tr:nth-child(2)) tbody th')).toEqual([
      ...['first', 'third'],
    ]);
    expect(await texts('#evaluations tbody th')).toEqual(['first', 'third', 'second']);
    expect(await texts('#evaluations .note')).toEqual([
      'one stream, its state carried',
      'Tokens differ between these models, so their perplexities and nats a token cannot be compared: ' +
        'gru-lm compare measures them on the same text.',
      'one stream, its state carried',
    ]);
    expect(page.problems).toEqual([]);
  });

  it('draws its chart by steps, passes or time, linear or logarithmic', async () => {
    const page = await browser.open(writePage('axes.html', [runOf('first', 1000)]));
    const ticks = () =>
      page.evaluate<string[]>(
        `Array.from(document.querySelectorAll('#losses text'), (one) => one.textContent)`,
      );
    const click = (id: string) => page.evaluate(`document.getElementById('${id}').click()`);
    expect(await ticks()).toContain('1,000');
    await page.evaluate(
      `const axis = document.getElementById('axis'); axis.selectedIndex = 1; axis.dispatchEvent(new Event('change'))`,
    );
    expect(await ticks()).toContain('passes over the text');
    for (const id of ['log-x', 'log-y', 'whole']) await click(id);
    expect(await ticks()).toContain('0.2');
    expect(page.problems).toEqual([]);
  });

  it('has ticks at whole steps, and different ones at parts of a second', async () => {
    const run = runOf('short', 4);
    const short = { ...run, steps: { ...run.steps, seconds: [0.2, 0.5, 1, 1.4] } };
    const page = await browser.open(writePage('short.html', [short]), { width: 1280 });
    const ticks = (home: string) =>
      page.evaluate<string[]>(
        `Array.from(document.querySelectorAll('${home} svg line.axis + text'), (one) => one.textContent)`,
      );
    expect(await ticks('#losses')).toEqual(['1', '2', '3', '4']);
    expect((await ticks('#others')).slice(0, 4)).toEqual(['1', '2', '3', '4']);
    await page.evaluate(`document.getElementById('log-x').click()`);
    expect(await ticks('#losses')).toEqual(['1', '2', '3', '4']);
    await page.evaluate(
      `const axis = document.getElementById('axis'); axis.selectedIndex = 2; axis.dispatchEvent(new Event('change'))`,
    );
    const times = await ticks('#losses');
    expect(times).toContain('0:00.4');
    expect(times).toContain('0:01');
    expect(new Set(times).size).toBe(times.length);
    expect(page.problems).toEqual([]);
  });

  /** Where the points of the chart's lines are, [x, y] in pixels. */
  const placesIn = (page: Page, home: string, kind: string) =>
    page.evaluate<[number, number][][]>(
      `Array.from(document.querySelectorAll('${home} svg svg path.${kind}'), (line) =>
        line.getAttribute('d').split(/[ML]/).slice(1).map((place) => place.split(' ').map(Number)))`,
    );

  /** A thousand steps, three to a point. */
  const step = Array.from({ length: 334 }, (_, i) => 2 + 3 * i);
  const long = runOf('long', 1000);
  const steep: ReportRun = {
    ...{ ...long, validations: [] },
    steps: {
      ...{ together: 3, step, epoch: step.map((at) => at / 8), seconds: step },
      loss: step.map((at) => 1.4 + 3 * at ** -0.4),
      rate: step.map(() => 0.0011417),
      norm: step.map(() => 1),
      speed: step.map((at) => 40_998 + at),
    },
  };
  /** Where the drawn part of a chart begins. */
  const TOP = 10;

  it('cuts off a steep beginning, but no more than a twentieth of the axis as it is drawn', async () => {
    const page = await browser.open(writePage('steep.html', [steep]), { width: 1280 });
    const shareAbove = async () => {
      const [places = []] = await placesIn(page, '#losses', 'train');
      const [first, last] = [places[0]!, places.at(-1)!];
      const seen = places.find(([, y]) => y >= TOP)!;
      return (seen[0] - first[0]) / (last[0] - first[0]);
    };
    expect(await shareAbove()).toBeGreaterThan(0.04);
    expect(await shareAbove()).toBeLessThanOrEqual(0.05);
    await page.evaluate(`document.getElementById('log-x').click()`);
    // The second point is at ln(5 / 2) / ln(1001 / 2) = 0.147 of the axis.
    expect(await shareAbove()).toBe(0);
    expect(page.problems).toEqual([]);
  });

  it('cuts off no more of a short run beside a long one', async () => {
    const short = runOf('short', 40);
    const page = await browser.open(writePage('beside.html', [short, steep]), { width: 1280 });
    const [places = []] = await placesIn(page, '#losses', 'train');
    // The points before the last at a twentieth of steps 1 to 40, which is step 2.95.
    expect(places.findIndex(([, y]) => y >= TOP)).toBe(1);
    const [validations = []] = await placesIn(page, '#losses', 'valid');
    expect(validations).toHaveLength(4);
    for (const [, y] of validations) expect(y).toBeGreaterThanOrEqual(TOP);
  });

  it('has different and right numbers beside an axis of thousands', async () => {
    const page = await browser.open(writePage('thousands.html', [steep]), { width: 1280 });
    const labels = await page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('#others > div:nth-child(3) svg line.grid + text'), (one) => one.textContent)`,
    );
    expect(labels).toEqual(['41K', '41.5K', '42K']);
  });

  it('keeps the digits of small figures', async () => {
    const short = { ...steep, epoch: 0.0123456, best: { step: 10, nats: 0.056789 } };
    const page = await browser.open(writePage('small.html', [short]), { width: 1280 });
    const cells = await page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('#overview td.number'), (one) => one.textContent)`,
    );
    // exp(0.056789) = 1.05843
    expect(cells.slice(0, 5)).toEqual(['0.056789', '1.058', '10', '1,000', '0.0123']);
    const rates = await page.evaluate<string | null>(
      `document.querySelector('#others svg').getAttribute('aria-label')`,
    );
    expect(rates).toContain('learning rate: from 0.001142 to 0.001142.');
  });

  it.each([
    ['wide and light', { width: 1280, dark: false }],
    ['wide and dark', { width: 1280, dark: true }],
    ['narrow and light', { width: 420, dark: false }],
    ['narrow and dark', { width: 420, dark: true }],
  ])('breaks no rule of accessibility and needs no scrolling aside, %s', async (_, view) => {
    for (const [name, runs] of [
      ['one', three.slice(0, 1)],
      ['more', three],
    ] as const) {
      const page = await browser.open(writePage(`${name}.html`, [...runs], evaluations), view);
      await page.evaluate(
        `for (const one of document.querySelectorAll('details')) one.open = true`,
      );
      expect((await accessibilityViolations(page)).join('\n')).toBe('');
      expect(
        await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        ),
      ).toBe(0);
    }
  });
});
