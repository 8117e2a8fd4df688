/** Puts the page together: asks for texts, and shows them as they come. */

/** @import { GenerateEvent, Model, TokenEvent } from './api.js' */
import { generate, needsKey, readModel } from './api.js';
import { readControls, resetControls, showControls } from './controls.js';
import {
  addRest,
  addTokens,
  clearText,
  figures,
  legend,
  setLevels,
  setShaded,
  wholeText,
} from './text.js';

/** @template {HTMLElement} Kind @param {string} id @param {new () => Kind} kind */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

const prompt = element('prompt', HTMLTextAreaElement);
const key = element('key', HTMLInputElement);
const startButton = element('start', HTMLButtonElement);
const stopButton = element('stop', HTMLButtonElement);
const keepButton = element('keep', HTMLButtonElement);
const shadeBox = element('shade', HTMLInputElement);
const status = element('status', HTMLElement);
const problem = element('problem', HTMLElement);
/** Nobody is told of what it says as it changes. */
const progress = element('progress', HTMLElement);
const ALTERNATIVES = 8;

/** @type {AbortController | undefined} */
let running;
/** What the text goes on from. */
let given = '';

/** @param {unknown} error */
function complain(error) {
  problem.textContent = error instanceof Error ? error.message : String(error);
}

/** As people write them. @type {Record<string, string>} */
const CELLS = { gru: 'GRU', lstm: 'LSTM', mingru: 'minGRU', rnn: 'RNN' };

/** @param {Model} model */
function showModel(model) {
  const { tokenizer, vocabularySize, cell, layers, hiddenSize, step } = model;
  element('title', HTMLElement).textContent = `${model.model} – gru-lm playground`;
  document.title = `${model.model} – gru-lm playground`;
  element('about', HTMLElement).textContent =
    `${layers} ${CELLS[cell]} layer${layers === 1 ? '' : 's'} of ${hiddenSize} units, ` +
    `${vocabularySize.toLocaleString('en')} tokens (${tokenizer}), step ${step.toLocaleString('en')}`;
  setLevels(model.levelStarts);
  element('legend', HTMLElement).replaceChildren('Surprise in nats: ', legend());
  showControls(element('controls', HTMLElement), model.options);
  startButton.disabled = false;
}

async function load() {
  problem.textContent = '';
  try {
    showModel(await readModel(key.value));
  } catch (error) {
    complain(error);
  }
}

async function begin() {
  const isLocked = await needsKey().catch(complain);
  element('locked', HTMLElement).hidden = !isLocked;
  if (isLocked) key.addEventListener('change', load);
  else if (isLocked === false) await load();
}

function shownFigures() {
  const { count, natsPerToken } = figures();
  return `${count.toLocaleString('en')} tokens, ${natsPerToken.toFixed(3)} nats a token`;
}

/** @param {GenerateEvent[]} events */
function take(events) {
  const tokens = /** @type {TokenEvent[]} */ (events.filter(({ event }) => event === 'token'));
  addTokens(tokens);
  progress.textContent = shownFigures();
  for (const event of events) {
    if (event.event === 'error') complain(new Error(event.message));
    if (event.event === 'start' && event.unknown !== null) {
      complain(new Error(`“${event.unknown}” is read as <unk>: the model does not know it`));
    }
    if (event.event === 'end') {
      addRest(event.text);
      const ends = { length: 'at its full length', stop: 'at a stop text', document: 'by itself' };
      const end = /** @type {Record<string, string>} */ (ends)[event.end];
      status.textContent =
        `Ended ${end}: ${event.tokens.toLocaleString('en')} tokens, ` +
        `${event.natsPerToken.toFixed(3)} nats a token, seed ${event.seed}`;
      progress.textContent = '';
    }
  }
}

async function start() {
  running = new AbortController();
  [startButton.disabled, stopButton.disabled, keepButton.disabled] = [true, false, true];
  problem.textContent = '';
  status.textContent = 'Generating…';
  given = prompt.value;
  clearText();
  element('given', HTMLElement).textContent = given;
  progress.textContent = '';
  element('result', HTMLElement).hidden = false;
  const request = { prompt: given, alternatives: ALTERNATIVES, ...readControls() };
  try {
    await generate(request, key.value, running.signal, take);
  } catch (error) {
    if (!running.signal.aborted) complain(error);
  }
  if (status.textContent === 'Generating…') {
    status.textContent = running.signal.aborted ? `Stopped: ${shownFigures()}` : '';
    progress.textContent = '';
  }
  running = undefined;
  [startButton.disabled, stopButton.disabled] = [false, true];
  keepButton.disabled = figures().count === 0;
}

element('ask', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  if (!running) void start();
});
prompt.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (!startButton.disabled) element('ask', HTMLFormElement).requestSubmit();
});
stopButton.addEventListener('click', () => running?.abort());
keepButton.addEventListener('click', () => {
  prompt.value = given + wholeText();
  keepButton.disabled = true;
  prompt.focus();
});
shadeBox.addEventListener('change', () => setShaded(shadeBox.checked));
element('reset', HTMLButtonElement).addEventListener('click', resetControls);
if (innerWidth < 900) element('sampling', HTMLDetailsElement).open = false;
void begin();
