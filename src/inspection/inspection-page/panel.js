/** The tables about the chosen token. */
import { count, data, element, nameOf, percent, saliencyAt, signed } from './data.js';

/** How many of the tokens that a prediction rests on are named. */
const STRONGEST = 8;

/**
 * @typedef {{ text: string, class?: string } | { bar: number }} TableCell a bar is a share of its column, below 0
 *   with another pattern
 */

/**
 * A table in the place of what is in an element; without rows, nothing.
 *
 * @param {string} id
 * @param {string} caption
 * @param {string[]} heads
 * @param {TableCell[][]} rows
 */
function showTable(id, caption, heads, rows) {
  const place = element(id);
  place.replaceChildren();
  if (rows.length === 0) return;
  const table = document.createElement('table');
  table.createCaption().textContent = caption;
  const head = table.createTHead().insertRow();
  for (const [i, text] of heads.entries()) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    const isOfBars = rows.some((cells) => 'bar' in (cells[i] ?? {}));
    if (isOfBars) {
      const hidden = document.createElement('span');
      hidden.className = 'hidden';
      hidden.textContent = text;
      cell.append(hidden);
    } else {
      cell.textContent = text;
      if (i > 0) cell.className = 'number';
    }
    head.append(cell);
  }
  const body = table.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    for (const [i, cell] of cells.entries()) {
      const made = document.createElement(i === 0 ? 'th' : 'td');
      if (made instanceof HTMLTableCellElement && i === 0) made.scope = 'row';
      if ('bar' in cell) {
        made.className = 'bars';
        const bar = document.createElement('div');
        bar.className = cell.bar < 0 ? 'bar negative' : 'bar';
        bar.style.width = `${Math.min(1, Math.abs(cell.bar)) * 100}%`;
        made.append(bar);
      } else {
        made.textContent = cell.text;
        made.className = cell.class ?? 'number';
      }
      row.append(made);
    }
  }
  place.append(table);
}

/** @param {number} place */
export function showPrediction(place) {
  const id = /** @type {number} */ (data.ids[place]);
  element('name').textContent = `${nameOf(id)} at place ${place}`;
  const surprise = data.surprises[place];
  element('prediction').textContent =
    typeof surprise === 'number'
      ? `${surprise.toFixed(3)} nats, probability ${percent(Math.exp(-surprise))}; ` +
        `rank ${data.ranks[place]} of what might have stood here. ` +
        `Before it, the model was uncertain by ${data.entropies[place]?.toFixed(3)} nats (entropy).`
      : 'The first token is not predicted.';
  showLikeliest('likeliest', 'Likeliest here', data.alternatives[place] ?? [], id);
  showLikeliest('following', 'Likeliest after it', place === count - 1 ? data.next : []);
}

/**
 * @param {string} where
 * @param {string} caption
 * @param {number[]} alternatives ids and probabilities in turn
 * @param {number} [own] the token that is there
 */
function showLikeliest(where, caption, alternatives, own) {
  const rows = [];
  for (let i = 0; i < alternatives.length; i += 2) {
    const [id, probability] = [alternatives[i] ?? 0, alternatives[i + 1] ?? 0];
    rows.push([
      { text: nameOf(id) + (id === own ? ' ←' : ''), class: 'token' },
      { text: percent(probability) },
      { bar: probability },
    ]);
  }
  showTable(where, caption, ['token', 'probability', 'as a bar'], rows);
}

/** @param {number} place */
export function showSaliency(place) {
  const weighed = saliencyAt(place);
  const largest = Math.max(...weighed.map(({ contribution }) => Math.abs(contribution)), 1e-12);
  const strongest = [...weighed]
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || b.place - a.place)
    .slice(0, STRONGEST);
  const rows = strongest.map(({ place: at, contribution, gradient }) => [
    { text: `${nameOf(/** @type {number} */ (data.ids[at]))} ${at}`, class: 'token' },
    { text: signed(contribution) },
    { text: gradient.toFixed(3) },
    { bar: contribution / largest },
  ]);
  const caption = `What it rests on, of the ${weighed.length} before it`;
  showTable('rests', caption, ['token, place', 'adds', 'gradient', 'adds, as a bar'], rows);
}

/** @param {number} place */
export function showGates(place) {
  const rows = data.layers.flatMap(({ activities }, k) =>
    activities.map(({ name, signed: hasSign, mean, means, scale }) => {
      const here = means[place] ?? 0;
      const title = hasSign ? `|${name}|` : name;
      return [
        { text: `layer ${k + 1} ${title}`, class: '' },
        { text: here.toFixed(3) },
        { text: mean.toFixed(3) },
        { bar: here / scale },
      ];
    }),
  );
  const caption = 'Gates and states, mean over all units';
  showTable('gates', caption, ['activity', 'here', 'all tokens', 'here, as a bar'], rows);
}
