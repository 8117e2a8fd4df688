/** What `gru-lm export --format tfjs` writes, in a browser. */
import { symlinkSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainTokenizer } from '../src/data/tokenizer.ts';
import { exportModel } from '../src/export/tfjs/export.ts';
import { writeFiles } from '../src/export/write-files.ts';
import { TokenChooser } from '../src/generation/choose-token.ts';
import { generate } from '../src/generation/generate.ts';
import { Passage } from '../src/generation/passage.ts';
import { forward, zeroState } from '../src/model/language-model.ts';
import type { ModelConfig } from '../src/model/parameters.ts';
import { logProbabilitiesOf } from '../src/model/predictions.ts';
import { weightsOf } from '../src/model/weights.ts';
import { Random } from '../src/random.ts';
import { temporaryDirectory } from './cli-process.ts';
import { accessibilityViolations } from './support/accessibility.ts';
import { useBackend } from './support/backends.ts';
import { Browser, chromium, NO_CHROMIUM, type Page } from './support/chromium.ts';
import { randomIds, randomParameters } from './support/models.ts';
import { expectClose, valuesOf } from './support/numbers.ts';
import { serveFiles } from './support/static-server.ts';

const tokenizer = trainTokenizer('To be, or not to be: größer 🙂\n', { kind: 'char' });
const plain: ModelConfig = {
  vocabularySize: tokenizer.vocabularySize,
  embeddingSize: 8,
  hiddenSize: 16,
  layers: 2,
  gruVariant: 'reset-after',
  dropout: 0,
};
const models: Record<string, ModelConfig> = {
  'reset-after': plain,
  'reset-before': { ...plain, gruVariant: 'reset-before', layers: 1 },
  lstm: { ...plain, cell: 'lstm' },
  tied: { ...plain, tied: true },
  adaptive: { ...plain, softmaxCutoffs: [5, 9], norm: 'layer', attentionSpan: 3 },
};
const bytes = trainTokenizer('', { kind: 'byte' });
const ofBytes: ModelConfig = { ...plain, vocabularySize: bytes.vocabularySize, layers: 1 };
const STEPS = 5;
const ids = randomIds(plain, STEPS);
const parametersOf = (name: string) => randomParameters(models[name] ?? ofBytes, 3);

const require = createRequire(import.meta.url);
// All of TensorFlow.js, as pages load it from elsewhere; it comes with tfjs-node.
const everything = dirname(
  createRequire(require.resolve('@tensorflow/tfjs-node-gpu/package.json')).resolve(
    '@tensorflow/tfjs/package.json',
  ),
);

/** What a page of someone's own does with a model: plain TensorFlow.js, step by step. */
const LOGITS = `async (backend, url, ids) => {
  await tf.setBackend(backend);
  const model = await tf.loadGraphModel(url);
  let states = Object.fromEntries(model.inputs
    .filter(({ name }) => name !== 'tokens')
    .map(({ name, shape }) => [name, tf.zeros([1, shape[1]])]));
  const all = [];
  for (const id of ids) {
    const { logits, ...after } = model.predict({ tokens: tf.tensor1d([id], 'int32'), ...states });
    states = after;
    all.push(...await tf.logSoftmax(logits).data());
  }
  return { found: tf.getBackend(), all };
}`;

const directory = temporaryDirectory();
let server: Server;
let address: string;
let browser: Browser;

const whether = chromium ? '' : `, skipped: ${NO_CHROMIUM}`;

describe.skipIf(!chromium)(`a model in a browser${whether}`, () => {
  beforeAll(async () => {
    await useBackend('cpu');
    for (const [name, modelConfig] of [...Object.entries(models), ['bytes', ofBytes] as const]) {
      const path = join('checkpoints', `<b>${name}`, 'step-00000007');
      const checkpoint = { path, step: 7, weights: parametersOf(name) };
      const { files } = await exportModel(
        { checkpoint, modelConfig, tokenizer: name === 'bytes' ? bytes : tokenizer },
        { quantize: 'none' },
      );
      await writeFiles(join(directory, name), files, false, new AbortController().signal);
    }
    symlinkSync(join(everything, 'dist', 'tf.min.js'), join(directory, 'tf.min.js'));
    writeFileSync(
      join(directory, 'plain.html'),
      '<!doctype html><link rel="icon" href="data:,"><script src="tf.min.js"></script>',
    );
    ({ server, address } = await serveFiles(directory));
    browser = new Browser();
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each(['cpu', 'webgl'])(
    'gives plain TensorFlow.js on %s what it gives here',
    async (backend) => {
      const page = await browser.open(`${address}plain.html`);
      for (const [name, config] of Object.entries(models)) {
        const url = `${address}${name}/model/model.json`;
        const call = `(${LOGITS})('${backend}', ${JSON.stringify(url)}, [${ids}])`;
        const { found, all } = await page.evaluate<{ found: string; all: number[] }>(call);
        expect(found).toBe(backend);
        const expected = tf.tidy(() => {
          const weights = weightsOf(parametersOf(name));
          const { features } = forward(config, weights, tf.tensor1d(ids), zeroState(config, 1));
          return valuesOf(logProbabilitiesOf(weights, features));
        });
        expectClose(all, expected, 1e-4, name);
      }
      expect(page.problems).toEqual([]);
    },
  );

  /** Waits until the demo's status says something, and gives all that it says. */
  async function status(page: Page, pattern: RegExp): Promise<string | null> {
    const element = page.tab.getByRole('status').filter({ hasText: pattern });
    await element.waitFor();
    return element.textContent();
  }

  const textOf = (page: Page, id: string) => page.tab.locator(`#${id}`).textContent();

  async function fill(page: Page, values: Record<string, string>): Promise<void> {
    for (const [id, value] of Object.entries(values)) await page.tab.fill(`#${id}`, value);
  }

  /** Folds the fields of the form away, or shows them. */
  const fold = (page: Page) => page.tab.getByText('How the text is made').click();

  const press = (page: Page, name: string) => page.tab.getByRole('button', { name }).click();

  it.each(['wasm', 'cpu'])(
    'shows in its demo the text that gru-lm makes, on %s',
    async (backend) => {
      const page = await browser.open(`${address}reset-after/?backend=${backend}`);
      await status(page, /^Ready/);
      expect(await textOf(page, 'title')).toBe('<b>reset-after');
      expect(await textOf(page, 'facts')).toContain(`runs here on ${backend}`);
      await fill(page, { prompt: 'To be', length: '40', temperature: '0.5', seed: '1' });
      await press(page, 'Generate');
      expect(await status(page, /^Done/)).toMatch(/^Done: 40 tokens, \d+ a second\.$/);
      const weights = weightsOf(parametersOf('reset-after'));
      const options = { length: 40, temperature: 0.5, topK: 0, topP: 1, greedy: false };
      const prompt = tokenizer.encode('To be');
      const pieces = generate(plain, weights, tokenizer, prompt, options, new Random(1));
      const expected = Array.from(pieces, ({ text }) => text).join('');
      expect(await textOf(page, 'text')).toBe(`To be${expected}`);
      expect(page.problems).toEqual([]);
      expect(page.requests.filter((url) => !url.startsWith(address) && url !== 'data:,')).toEqual(
        [],
      );
    },
  );

  it('stops and goes on in its demo, and says what of a prompt the model does not know', async () => {
    const page = await browser.open(`${address}tied/`);
    await status(page, /^Ready/);
    await fill(page, { prompt: 'Ω', length: '100000' });
    await press(page, 'Generate');
    await status(page, /^Making/);
    await press(page, 'Stop');
    expect(await status(page, /^Stopped/)).toMatch(/does not know “Ω” of the prompt\.$/);
    const before = await textOf(page, 'made');
    await fill(page, { length: '5' });
    await press(page, 'Go on');
    await status(page, /^Done: 5 tokens/);
    const after = await textOf(page, 'made');
    expect(after?.startsWith(before as string)).toBe(true);
    expect([...(after as string)]).toHaveLength([...(before as string)].length + 5);
    expect(page.problems).toEqual([]);
  });

  it('shows half a character at the end of a text only until the text goes on', async () => {
    const page = await browser.open(`${address}bytes/`);
    await status(page, /^Ready/);
    const weights = weightsOf(parametersOf('bytes'));
    const passage = new Passage({ config: ofBytes, weights, tokenizer: bytes });
    const chooser = new TokenChooser({ temperature: 1, topK: 0, topP: 1, greedy: false });
    let whole = '';
    const halves: boolean[] = [];
    for (let seed = 1; seed <= 8; seed += 1) {
      await fill(page, { length: String(seed), temperature: '1', seed: String(seed) });
      await press(page, seed === 1 ? 'Generate' : 'Go on');
      await status(page, new RegExp(`^Done: ${seed} token`));
      for (const { text } of passage.go(chooser, { length: seed }, new Random(seed), 'keep')) {
        whole += text;
      }
      const found = await textOf(page, 'made');
      const half = found === `${whole}\ufffd`;
      expect(found).toBe(half ? `${whole}\ufffd` : whole);
      halves.push(half);
    }
    expect(new Set(halves).size).toBe(2);
    passage.dispose();
    tf.dispose(Object.values(weights));
    expect(page.problems).toEqual([]);
  });

  it.each([[{ width: 1280, dark: false }], [{ width: 420, dark: true }]])(
    'can be used by all, at %j',
    async (view) => {
      const page = await browser.open(`${address}lstm/`, view);
      await status(page, /^Ready/);
      if (view.width < 500) await fold(page);
      await fill(page, { prompt: 'not', length: '30' });
      await press(page, 'Generate');
      await status(page, /^Done/);
      expect(await accessibilityViolations(page)).toEqual([]);
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(view.width);
    },
  );

  it('shows a field that is wrong, where fields are folded away', async () => {
    const page = await browser.open(`${address}lstm/`, { width: 420 });
    await status(page, /^Ready/);
    const isOpen = () => page.evaluate(`document.getElementById('options').open`);
    expect(await isOpen()).toBe(false);
    await fold(page);
    await fill(page, { 'top-p': '7' });
    await fold(page);
    expect(await isOpen()).toBe(false);
    await press(page, 'Generate');
    expect(await isOpen()).toBe(true);
    expect(await page.evaluate('document.activeElement.id')).toBe('top-p');
    expect(page.problems).toEqual([]);
  });

  it('goes on by right fields alone, and is well again after an error', async () => {
    const page = await browser.open(`${address}tied/`);
    await status(page, /^Ready/);
    await fill(page, { length: '3' });
    await press(page, 'Generate');
    await status(page, /^Done: 3 tokens/);
    const made = await textOf(page, 'made');
    for (const [id, value] of [
      ['top-p', ''],
      ['length', '-5'],
      ['length', '500000'],
    ] as const) {
      const before = await page.evaluate<string>(`document.getElementById('${id}').value`);
      await fill(page, { [id]: value });
      await press(page, 'Go on');
      expect(await page.evaluate('document.activeElement.id')).toBe(id);
      expect(await textOf(page, 'status')).toMatch(/^Done: 3 tokens/);
      await fill(page, { [id]: before });
    }
    expect(await textOf(page, 'made')).toBe(made);
    const isRed = () => page.evaluate(`document.getElementById('status').className === 'error'`);
    // A temperature that no field gives.
    await page.evaluate(
      `const field = document.getElementById('temperature'); field.type = 'number'; field.removeAttribute('min'); field.value = '-1'`,
    );
    await press(page, 'Go on');
    await status(page, /temperature/);
    expect(await isRed()).toBe(true);
    await fill(page, { temperature: '1' });
    await press(page, 'Go on');
    await status(page, /^Done: 3 tokens/);
    expect(await isRed()).toBe(false);
    expect(page.problems).toEqual([]);
  });

  it('says why there is nothing, where the model is gone or a backend is missing', async () => {
    const page = await browser.open(`${address}lstm/?backend=none`);
    expect(await status(page, /backends/)).toBe('This browser has none of the backends none.');
    expect(await page.evaluate(`document.getElementById('generate').disabled`)).toBe(true);
  });
});
