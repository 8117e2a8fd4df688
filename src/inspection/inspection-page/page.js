/** Puts the text on the page, and follows what is chosen. */

import { darkScheme } from './colours.js';
import { count, data, element, nameOf, saliencyAt } from './data.js';
import {
  cellUnder,
  chosenRow,
  drawMap,
  fillUnits,
  map,
  readOut,
  seriesChoice,
  unitChoice,
} from './heat-map.js';
import { showGates, showPrediction, showSaliency } from './panel.js';
import { fillShades, shade, shadeChoice, tokens } from './shading.js';

const text = element('text');
const MOST_SURPRISING = 20;

/** The chosen token's place. */
let chosen = data.chosen;

function showText() {
  const parts = document.createDocumentFragment();
  for (const [place, token] of tokens.entries()) {
    parts.append(data.leads[place] ?? '', token);
    if (data.texts[place]?.endsWith('\n')) parts.append(document.createElement('br'));
  }
  text.append(parts);
  element('title').textContent = `${data.title} under ${data.checkpoint}`;
  element('totals').textContent = `${data.model}. ${totals()}.`;
}

function totals() {
  if (count === 1) return '1 token, which is not predicted';
  const nats = data.surprises.reduce((sum, each) => (sum ?? 0) + (each ?? 0), 0) ?? 0;
  const mean = nats / (count - 1);
  return (
    `${count.toLocaleString('en')} tokens, all but the first predicted: ` +
    `${mean.toFixed(4)} nats each, perplexity ${Math.exp(mean).toPrecision(4)}`
  );
}

/** Pixels of the thickest line under or over a token. */
const THICKEST = 4;

/** Puts a line under what speaks for the chosen token, and over what speaks against it. */
function underline() {
  for (const { style } of tokens) style.borderBottom = style.borderTop = '';
  const weighed = saliencyAt(chosen);
  const largest = Math.max(...weighed.map(({ contribution }) => Math.abs(contribution)), 1e-12);
  for (const { place, contribution } of weighed) {
    const width = Math.round((Math.abs(contribution) / largest) * THICKEST);
    const token = tokens[place];
    if (width === 0 || !token) continue;
    if (contribution < 0) token.style.borderTop = `${width}px solid var(--against)`;
    else token.style.borderBottom = `${width}px solid var(--for)`;
  }
}

/**
 * @param {number} place
 * @param {boolean} [movesFocus]
 */
function choose(place, movesFocus = false) {
  const [before, now] = [tokens[chosen], tokens[place]];
  before?.setAttribute('aria-selected', 'false');
  if (before) before.tabIndex = -1;
  chosen = place;
  now?.setAttribute('aria-selected', 'true');
  if (now) now.tabIndex = 0;
  if (movesFocus) now?.focus();
  underline();
  showPrediction(place);
  showSaliency(place);
  showGates(place);
  drawMap(place);
}

/** The token nearest to the chosen one, so many lines further down. */
function vertically(/** @type {number} */ lines) {
  const from = /** @type {HTMLElement} */ (tokens[chosen]).getBoundingClientRect();
  const step = Math.sign(lines);
  let [line, best, bestDistance, passed] = [from.top, chosen, Number.POSITIVE_INFINITY, 0];
  for (let place = chosen + step; place >= 0 && place < count; place += step) {
    const { top, left, height } = /** @type {HTMLElement} */ (
      tokens[place]
    ).getBoundingClientRect();
    if (Math.abs(top - line) > height / 2) {
      if (passed === Math.abs(lines)) break;
      passed += 1;
      line = top;
      bestDistance = Number.POSITIVE_INFINITY;
    }
    if (passed === 0) continue;
    const distance = Math.abs(left - from.left);
    if (distance >= bestDistance) continue;
    best = place;
    bestDistance = distance;
  }
  return best;
}

/** @type {Record<string, () => number>} */
const moves = {
  ArrowLeft: () => Math.max(0, chosen - 1),
  ArrowRight: () => Math.min(count - 1, chosen + 1),
  ArrowUp: () => vertically(-1),
  ArrowDown: () => vertically(1),
  PageUp: () => vertically(-10),
  PageDown: () => vertically(10),
  Home: () => 0,
  End: () => count - 1,
};

text.addEventListener('keydown', (event) => {
  const move = event.ctrlKey || event.altKey || event.metaKey ? undefined : moves[event.key];
  if (!move) return;
  event.preventDefault();
  choose(move(), true);
});

text.addEventListener('click', (event) => {
  const token = event.target instanceof Element && event.target.closest('[role="option"]');
  if (token instanceof HTMLElement) choose(Number(token.dataset.place), true);
});

function showSurprising() {
  const places = [...data.ids.keys()]
    .slice(1)
    .sort((a, b) => (data.surprises[b] ?? 0) - (data.surprises[a] ?? 0) || a - b)
    .slice(0, MOST_SURPRISING);
  const items = places.map((place) => {
    const [item, button] = [document.createElement('li'), document.createElement('button')];
    const id = /** @type {number} */ (data.ids[place]);
    button.textContent = `${nameOf(id)} at place ${place}: ${data.surprises[place]?.toFixed(2)} nats`;
    button.addEventListener('click', () => choose(place, true));
    item.append(button);
    return item;
  });
  element('surprising')
    .querySelector('ol')
    ?.replaceChildren(...items);
}

function showNote() {
  const [first] = data.layers;
  const shown =
    first && first.units.length < first.size ? `${first.units.length} of ${first.size}` : 'all';
  const states = data.layers
    .map(({ saturated, dead }, k) => `layer ${k + 1}: ${saturated} saturated, ${dead} dead`)
    .join('; ');
  element('note').textContent =
    `Units shown of each layer: ${shown}${shown === 'all' ? '' : ', those whose state varies most over this text'}. ` +
    `Their values and the underlines are kept in 8 bits, to 1/255 of a gate and 1/127 of the largest value else. ` +
    `Of all units, ${states}. An open update gate ${data.renews ? 'takes the new candidate' : 'keeps the old state'}.`;
}

fillShades();
fillUnits();
showText();
shade();
showSurprising();
showNote();
choose(chosen);
if (chosen > 1) tokens[chosen]?.scrollIntoView({ block: 'center' });

shadeChoice.addEventListener('change', shade);
seriesChoice.addEventListener('change', () => {
  fillUnits();
  drawMap(chosen);
  shade();
});
unitChoice.addEventListener('change', () => {
  drawMap(chosen);
  shade();
});
const numbers = /** @type {HTMLInputElement} */ (element('numbers'));
numbers.addEventListener('change', () => text.classList.toggle('numbers', numbers.checked));
map.addEventListener('mousemove', (event) => {
  const { place, row } = cellUnder(event, chosen);
  readOut(place, row);
});
map.addEventListener('mouseleave', () => readOut(chosen, chosenRow()));
map.addEventListener('click', (event) => {
  const { place, row } = cellUnder(event, chosen);
  unitChoice.selectedIndex = row;
  choose(place);
  shade();
});
new ResizeObserver(() => drawMap(chosen)).observe(map);
darkScheme.addEventListener('change', () => {
  shade();
  drawMap(chosen);
});
