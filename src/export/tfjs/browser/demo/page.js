/**
 * The demo page: loads the model, and makes text as the form says.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */
import { loadModel } from '../gru-lm/gru-lm.js';

/** @type {any} */
const tf = Reflect.get(globalThis, 'tf');

/** @template {HTMLElement} E @param {string} id */
const element = (id) => /** @type {E} */ (document.getElementById(id));
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (element(id));

const [generate, goOn, stop] = ['generate', 'go-on', 'stop'].map(
  (id) => /** @type {HTMLButtonElement} */ (element(id)),
);
const made = element('made').appendChild(document.createTextNode(''));
/** What is to be shown behind it only as long as nobody goes on with the text. */
const rest = element('made').appendChild(document.createTextNode(''));

element('served').remove();
input('temperature').addEventListener('input', showTemperature);
showTemperature();
// Where the text comes below the form, it is to be near.
const details = /** @type {HTMLDetailsElement} */ (element('options'));
details.open = !matchMedia('(max-width: 48rem)').matches;
// A field that is wrong is to be seen.
const open = () => {
  details.open = true;
};
const form = /** @type {HTMLFormElement} */ (element('form'));
form.addEventListener('invalid', open, true);

try {
  const backend = await startBackend();
  const model = await load();
  showModel(model, backend);
  use(model);
} catch (error) {
  fail(error);
}

/**
 * The first backend that works here: WebAssembly, or plain JavaScript. `?backend=cpu` in the page's address asks
 * for one of them.
 *
 * @returns {Promise<string>}
 */
async function startBackend() {
  tf.enableProdMode();
  // With threads, it would need headers of the server's that isolate the page, and small models gain nothing.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const directory = new URL('../tfjs/', import.meta.url).href;
  tf.wasm.setWasmPaths(directory);
  const hasSimd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  const usual = hasSimd ? ['wasm', 'cpu'] : ['cpu'];
  const asked = new URLSearchParams(location.search).get('backend');
  for (const name of asked === null ? usual : [asked]) {
    if (await tf.setBackend(name).catch(() => false)) return name;
  }
  throw new Error(`This browser has none of the backends ${asked ?? usual.join(', ')}.`);
}

async function load() {
  show('Loading the model …');
  const onProgress = (/** @type {number} */ share) => {
    show(`Loading the model: ${Math.round(share * 100)} %`);
  };
  return loadModel(tf, new URL('../model/model.json', import.meta.url), { onProgress });
}

/**
 * @param {import('../gru-lm/gru-lm.js').TextModel} model
 * @param {string} backend
 */
function showModel({ metadata, tokenizer }, backend) {
  const { name, step, cell, layers, hiddenSize, parameters, tokens } = metadata;
  const count = (/** @type {number} */ value) => value.toLocaleString('en-US');
  document.title = `${name}: a language model`;
  element('title').textContent = name;
  element('facts').textContent = [
    `${cell}, ${layers} ${layers === 1 ? 'layer' : 'layers'} of ${count(hiddenSize)} units`,
    `${count(parameters)} parameters`,
    `a vocabulary of ${count(tokenizer.vocabularySize)} (${tokens})`,
    `step ${count(step)}`,
    `runs here on ${backend}`,
  ].join(' · ');
  show('Ready.');
}

/** @param {import('../gru-lm/gru-lm.js').TextModel} model */
function use(model) {
  /** @type {import('../gru-lm/gru-lm.js').Passage | undefined} */
  let passage;
  /** @type {AbortController | undefined} */
  let controller;

  async function run() {
    if (!passage) return;
    controller = new AbortController();
    setRunning(true);
    const [before, startedMs] = [passage.made, performance.now()];
    show('Making text …');
    rest.data = '';
    try {
      for await (const piece of passage.generate({ ...options(), signal: controller.signal })) {
        made.appendData(piece);
      }
      const tokens = passage.made - before;
      const seconds = (performance.now() - startedMs) / 1000;
      const end = controller.signal.aborted ? 'Stopped after' : 'Done:';
      const rate = tokens === 0 ? '' : `, ${Math.round(tokens / seconds)} a second`;
      show(`${end} ${tokens} ${tokens === 1 ? 'token' : 'tokens'}${rate}.${unknownNote()}`);
    } catch (error) {
      fail(error);
    }
    rest.data = passage.rest;
    controller = undefined;
    setRunning(false);
  }

  /** What of the prompt the model cannot read. */
  function unknownNote() {
    const piece = model.tokenizer.findUnknown(element('given').textContent ?? '');
    return piece === undefined ? '' : ` The model does not know “${piece}” of the prompt.`;
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (controller) return;
    const prompt = /** @type {HTMLTextAreaElement} */ (element('prompt')).value;
    passage?.dispose();
    passage = model.passage();
    passage.add(prompt);
    element('given').textContent = prompt;
    made.data = '';
    run();
  });
  goOn.addEventListener('click', () => {
    if (form.reportValidity()) run();
  });
  stop.addEventListener('click', () => controller?.abort());
  generate.disabled = false;
}

/** @returns {import('../gru-lm/gru-lm.js').GenerateOptions} */
function options() {
  const stopText = input('stop-text').value.replaceAll('\\n', '\n');
  const seed = input('seed').value;
  return {
    length: input('length').valueAsNumber,
    temperature: input('temperature').valueAsNumber,
    topK: input('top-k').valueAsNumber,
    topP: input('top-p').valueAsNumber,
    stop: stopText === '' ? [] : [stopText],
    ...(seed === '' ? {} : { seed: Number(seed) }),
  };
}

/** @param {boolean} isRunning */
function setRunning(isRunning) {
  // The button that has the focus must not lose it by being disabled.
  const hasFocus = [generate, goOn, stop].some((button) => button === document.activeElement);
  generate.disabled = isRunning;
  goOn.disabled = isRunning;
  stop.disabled = !isRunning;
  if (hasFocus) (isRunning ? stop : goOn).focus();
}

function showTemperature() {
  element('temperature-value').textContent = input('temperature').valueAsNumber.toFixed(2);
}

/** @param {string} text */
function show(text, isError = false) {
  element('status').textContent = text;
  element('status').classList.toggle('error', isError);
}

/** @param {unknown} error */
function fail(error) {
  show(error instanceof Error ? error.message : String(error), true);
}
