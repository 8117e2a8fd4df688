/** The text as it comes, token by token. */

/** @import { TokenEvent } from './api.js' */
import { hideDetails, hideDetailsSoon, showDetails } from './details.js';

const list = /** @type {HTMLElement} */ (document.getElementById('text'));

/** @type {{ token: TokenEvent, element: HTMLElement }[]} */
let tokens = [];
/** @type {number[]} */
let levelStarts = [];
let isShaded = true;
/** Where Tab goes. */
let current = 0;

/** @param {number[]} starts where the levels above the lowest begin, in nats */
export function setLevels(starts) {
  levelStarts = starts;
}

/** A box for each level. */
export function legend() {
  const boxes = document.createElement('span');
  boxes.className = 'swatches';
  const all = [0, ...levelStarts].map((start, level) => {
    const made = document.createElement('span');
    const end = levelStarts[level];
    made.textContent = end === undefined ? `${start} and more` : `${start}–${end}`;
    made.className = `swatch l${level}`;
    return made;
  });
  boxes.append(...all);
  return boxes;
}

/** @param {boolean} shaded */
export function setShaded(shaded) {
  isShaded = shaded;
  for (const each of tokens) shade(each);
}

/** @param {{ token: TokenEvent, element: HTMLElement }} shown */
function shade({ token, element }) {
  const kind = token.text === '' ? 'piece' : token.text.endsWith('\n') ? 'break' : '';
  const level = levelStarts.filter((start) => token.nats >= start).length;
  element.className = isShaded ? `l${level} ${kind}` : kind;
}

export function clearText() {
  hideDetails();
  tokens = [];
  current = 0;
  list.replaceChildren();
}

/** @param {TokenEvent[]} added */
export function addTokens(added) {
  const parts = document.createDocumentFragment();
  for (const token of added) {
    const element = document.createElement('span');
    element.setAttribute('role', 'option');
    element.setAttribute('aria-selected', 'false');
    element.setAttribute('aria-label', `“${token.token}”, ${token.nats.toFixed(2)} nats`);
    element.tabIndex = tokens.length === current ? 0 : -1;
    element.dataset.place = String(tokens.length);
    element.dataset.name = token.token;
    // Whatever it is, it is text.
    element.textContent = token.text;
    tokens.push({ token, element });
    shade({ token, element });
    parts.append(element);
  }
  list.append(parts);
}

/** Text at the end that no token has. @param {string} text */
export function addRest(text) {
  const last = tokens.at(-1);
  if (!last || text === '') return;
  last.token.text += text;
  last.element.textContent = last.token.text;
}

export function wholeText() {
  return tokens.map(({ token }) => token.text).join('');
}

/** How many there are, and their mean surprise in nats. */
export function figures() {
  const nats = tokens.reduce((sum, { token }) => sum + token.nats, 0);
  return { count: tokens.length, natsPerToken: nats / Math.max(1, tokens.length) };
}

/** The token that something on the page belongs to. @param {EventTarget | null} target */
function tokenAt(target) {
  const element = target instanceof Element ? target.closest('[role="option"]') : null;
  return element instanceof HTMLElement ? tokens[Number(element.dataset.place)] : undefined;
}

/** @param {number} place */
function goTo(place) {
  const [from, to] = [tokens[current], tokens[place]];
  if (!to) return;
  if (from) from.element.tabIndex = -1;
  current = place;
  to.element.tabIndex = 0;
  to.element.focus();
}

/** @param {number} place */
function boxOf(place) {
  return /** @type {{ element: HTMLElement }} */ (tokens[place]).element.getBoundingClientRect();
}

/** The token nearest to the current one on the line before or after. @param {1 | -1} step */
function onNextLine(step) {
  const from = boxOf(current);
  let [line, best, distance] = [/** @type {number | undefined} */ (undefined), current, Infinity];
  for (let place = current + step; tokens[place]; place += step) {
    const { top, left, height } = boxOf(place);
    if (Math.abs(top - from.top) < height / 2) continue;
    line ??= top;
    if (Math.abs(top - line) > height / 2) break;
    if (Math.abs(left - from.left) >= distance) continue;
    [best, distance] = [place, Math.abs(left - from.left)];
  }
  return best;
}

/** @type {Record<string, () => number>} */
const moves = {
  ArrowLeft: () => Math.max(0, current - 1),
  ArrowRight: () => Math.min(tokens.length - 1, current + 1),
  ArrowUp: () => onNextLine(-1),
  ArrowDown: () => onNextLine(1),
  Home: () => 0,
  End: () => tokens.length - 1,
};

list.addEventListener('keydown', (event) => {
  const move = event.ctrlKey || event.altKey || event.metaKey ? undefined : moves[event.key];
  if (!move) return;
  event.preventDefault();
  goTo(move());
});
list.addEventListener('click', ({ target }) => {
  const clicked = tokenAt(target);
  if (clicked) goTo(tokens.indexOf(clicked));
});
list.addEventListener('focusin', ({ target }) => {
  const focused = tokenAt(target);
  if (!focused) return;
  focused.element.setAttribute('aria-selected', 'true');
  showDetails(focused.element, focused.token);
});
list.addEventListener('focusout', ({ target }) => {
  tokenAt(target)?.element.setAttribute('aria-selected', 'false');
  hideDetails();
});
list.addEventListener('pointerover', ({ target }) => {
  const under = tokenAt(target);
  if (under) showDetails(under.element, under.token);
});
list.addEventListener('pointerout', hideDetailsSoon);
