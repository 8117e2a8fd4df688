/** The activity of units about the chosen token: a row a unit, a column a token. */
/** @import { Series } from './data.js' */
import { colourOf, css, palette, scaleSwatches } from './colours.js';
import { allSeries, count, data, element, nameOf, signed } from './data.js';

export const map = /** @type {HTMLCanvasElement} */ (element('map'));
export const seriesChoice = /** @type {HTMLSelectElement} */ (element('series'));
export const unitChoice = /** @type {HTMLSelectElement} */ (element('unit'));

/** CSS pixels of a row, and of a column at least. */
const ROW = 6;
const NARROWEST_COLUMN = 8;

for (const [i, { title }] of allSeries.entries()) seriesChoice.add(new Option(title, String(i)));
// States first: they are what a model remembers.
seriesChoice.value = String(allSeries.findIndex(({ activity }) => activity.name === 'state'));

/** @returns {Series} */
export function chosenSeries() {
  return /** @type {Series} */ (allSeries[Number(seriesChoice.value)]);
}

/** The row of the chosen unit. */
export function chosenRow() {
  return unitChoice.selectedIndex;
}

export function fillUnits() {
  const before = unitChoice.value;
  const { units } = chosenSeries().layer;
  unitChoice.replaceChildren(...units.map((unit) => new Option(String(unit))));
  if (before !== '' && units.includes(Number(before))) unitChoice.value = before;
}

/** The first place that is shown, how many there are, and how wide each is. */
function mapWindow(/** @type {number} */ place) {
  const width = map.clientWidth;
  const columns = Math.max(1, Math.min(count, Math.floor(width / NARROWEST_COLUMN)));
  const first = Math.max(0, Math.min(count - columns, place - Math.floor(columns / 2)));
  return { first, columns, columnWidth: width / columns };
}

/** @param {number} place the chosen token's */
export function drawMap(place) {
  const series = chosenSeries();
  const { activity, layer, at } = series;
  const rows = layer.units.length;
  const { first, columns, columnWidth } = mapWindow(place);
  const ratio = devicePixelRatio;
  map.style.height = `${rows * ROW}px`;
  map.width = Math.round(map.clientWidth * ratio);
  map.height = Math.round(rows * ROW * ratio);
  const context = /** @type {CanvasRenderingContext2D} */ (map.getContext('2d'));
  context.scale(ratio, ratio);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const value = at(first + column, row) / (activity.scale || 1);
      context.fillStyle = css(colourOf(value, activity.signed));
      // A little wider than the column, so that no line of the ground shows between two.
      context.fillRect(column * columnWidth, row * ROW, columnWidth + 0.5, ROW);
    }
  }
  const column = [(place - first) * columnWidth, 0, columnWidth, rows * ROW];
  const row = [0, chosenRow() * ROW, columns * columnWidth, ROW];
  frame(context, /** @type {Box} */ (column), rows * ROW);
  frame(context, /** @type {Box} */ (row), rows * ROW);
  map.setAttribute(
    'aria-label',
    `${series.title}: ${rows} units at tokens ${first} to ${first + columns - 1}`,
  );
  element('scale').replaceChildren(scaleSwatches(activity.scale || 1, activity.signed));
  readOut(place, chosenRow());
}

/** @typedef {[x: number, y: number, width: number, height: number]} Box */

/**
 * Lines about a box, of ink and of the ground: one of them shows on any colour.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 * @param {number} mapHeight in which the lines stay
 */
function frame(context, [x, y, width, height], mapHeight) {
  context.lineWidth = 1;
  for (const [distance, colour] of /** @type {const} */ ([
    [0.5, palette.ink],
    [1.5, css(palette.surface)],
  ])) {
    const top = Math.max(0.5, y - distance);
    const bottom = Math.min(mapHeight - 0.5, y + height + distance);
    context.strokeStyle = colour;
    context.strokeRect(x - distance, top, width + 2 * distance, bottom - top);
  }
}

/** Says what one cell is. */
export function readOut(/** @type {number} */ place, /** @type {number} */ row) {
  const { title, layer, activity, at } = chosenSeries();
  const value = at(place, row);
  const shown = activity.signed ? signed(value) : value.toFixed(3);
  const id = /** @type {number} */ (data.ids[place]);
  element('readout').textContent =
    `${title} of unit ${layer.units[row]} at ${nameOf(id)}, place ${place}: ${shown}`;
}

/**
 * The place and row under the pointer.
 *
 * @param {MouseEvent} event
 * @param {number} place the chosen token's
 */
export function cellUnder(event, place) {
  const { first, columns, columnWidth } = mapWindow(place);
  const rows = chosenSeries().layer.units.length;
  const column = Math.floor(event.offsetX / columnWidth);
  const row = Math.floor(event.offsetY / ROW);
  return {
    place: first + Math.max(0, Math.min(columns - 1, column)),
    row: Math.max(0, Math.min(rows - 1, row)),
  };
}
