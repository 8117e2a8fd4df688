/** What is said of one token, beside it: how surprising it was, and what else was likely. */

/** @import { TokenEvent } from './api.js' */

const details = /** @type {HTMLElement} */ (document.getElementById('details'));
/** Milliseconds in which a pointer may go from the token to what is said of it. */
const HIDES_AFTER = 200;

/** @type {HTMLElement | undefined} */
let shownFor;
/** @type {number | undefined} */
let timer;

/** `42 %`, `3.1 %`, `<0.1 %` */
function percent(/** @type {number} */ share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  return `${value.toFixed(value < 9.95 && value > 0 ? 1 : 0)} %`;
}

/** @param {TokenEvent} token */
function contentsFor({ id, token, nats, alternatives }) {
  const line = document.createElement('div');
  const name = document.createElement('span');
  name.className = 'token';
  name.textContent = `“${token}”`;
  line.append(name, ` ${nats.toFixed(3)} nats, probability ${percent(Math.exp(-nats))}`);
  const table = document.createElement('table');
  table.createCaption().textContent = 'Likeliest, by the model itself';
  const body = table.createTBody();
  for (const other of alternatives) {
    const row = body.insertRow();
    const head = document.createElement('th');
    head.scope = 'row';
    head.className = 'token';
    head.textContent = `“${other.token}”${other.id === id ? ' ←' : ''}`;
    row.append(head);
    const number = row.insertCell();
    number.className = 'number';
    number.textContent = percent(other.probability);
    const bars = row.insertCell();
    bars.className = 'bars';
    const bar = document.createElement('div');
    bar.className = 'bar';
    bar.style.width = `${other.probability * 100}%`;
    bars.append(bar);
  }
  return alternatives.length > 0 ? [line, table] : [line];
}

/** Below the element where there is room, and otherwise above it. @param {HTMLElement} element */
function place(element) {
  const [first = element.getBoundingClientRect()] = element.getClientRects();
  const { offsetWidth, offsetHeight } = details;
  const left = Math.max(
    8,
    Math.min(first.left, document.documentElement.clientWidth - offsetWidth - 8),
  );
  const isBelow = first.bottom + offsetHeight + 8 <= innerHeight || first.top < offsetHeight + 8;
  const top = isBelow ? first.bottom + 6 : first.top - offsetHeight - 6;
  details.style.left = `${left + scrollX}px`;
  details.style.top = `${top + scrollY}px`;
}

/**
 * @param {HTMLElement} element
 * @param {TokenEvent} token
 */
export function showDetails(element, token) {
  clearTimeout(timer);
  if (shownFor === element) return;
  hideDetails();
  shownFor = element;
  element.setAttribute('aria-describedby', details.id);
  details.replaceChildren(...contentsFor(token));
  details.hidden = false;
  place(element);
}

export function hideDetails() {
  clearTimeout(timer);
  shownFor?.removeAttribute('aria-describedby');
  shownFor = undefined;
  details.hidden = true;
}

/** Unless the pointer comes back, or goes to what is said. */
export function hideDetailsSoon() {
  clearTimeout(timer);
  timer = setTimeout(hideDetails, HIDES_AFTER);
}

details.addEventListener('pointerenter', () => clearTimeout(timer));
details.addEventListener('pointerleave', hideDetailsSoon);
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') hideDetails();
});
