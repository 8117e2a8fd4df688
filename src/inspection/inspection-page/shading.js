/** The tokens of the text, and what they are shaded by. */

/** @import { Series } from './data.js' */
import { colourOf, css, inkOn, scaleSwatches, swatch, swatches } from './colours.js';
import { allSeries, data, element, levelOf, nameOf, signed } from './data.js';
import { chosenRow, chosenSeries } from './heat-map.js';

export const shadeChoice = /** @type {HTMLSelectElement} */ (element('shade'));

/** @type {HTMLElement[]} */
export const tokens = data.texts.map((shown, place) => {
  const token = document.createElement('span');
  token.setAttribute('role', 'option');
  token.tabIndex = -1;
  token.textContent = shown.replaceAll('\n', '⏎').replaceAll('\t', '⇥');
  token.dataset.place = String(place);
  return token;
});

export function fillShades() {
  shadeChoice.add(new Option('surprise', 'surprise'));
  for (const [i, { title }] of allSeries.entries()) {
    shadeChoice.add(new Option(`${title}, mean over units`, `mean ${i}`));
  }
  shadeChoice.add(new Option('the unit chosen below', 'unit'));
}

/** What the tokens are shaded by: a value for each, its extent, and whether it has a sign. */
function chosenShade() {
  const series = chosenSeries();
  if (shadeChoice.value === 'unit') {
    const row = chosenRow();
    return {
      valueAt: (/** @type {number} */ place) => series.at(place, row),
      scale: series.activity.scale || 1,
      hasSign: series.activity.signed,
    };
  }
  const { activity } = /** @type {Series} */ (allSeries[Number(shadeChoice.value.split(' ')[1])]);
  return {
    valueAt: (/** @type {number} */ place) => activity.means[place] ?? 0,
    scale: activity.signed ? Math.max(...activity.means, 1e-12) : 1,
    hasSign: false,
  };
}

export function shade() {
  const bySurprise = shadeChoice.value === 'surprise';
  const by = bySurprise ? undefined : chosenShade();
  for (const [place, token] of tokens.entries()) {
    const surprise = data.surprises[place] ?? undefined;
    const level = by || surprise === undefined ? '' : `l${levelOf(surprise)}`;
    const colour = by && colourOf(by.valueAt(place) / by.scale, by.hasSign);
    token.className = level;
    token.style.backgroundColor = colour ? css(colour) : '';
    token.style.color = colour ? inkOn(colour) : '';
    const value = by ? by.valueAt(place) : surprise;
    const shown = value === undefined ? '' : by?.hasSign ? signed(value) : value.toFixed(2);
    token.dataset.number = shown;
    const name = nameOf(/** @type {number} */ (data.ids[place]));
    const nats = surprise === undefined ? 'not predicted' : `${surprise.toFixed(2)} nats`;
    token.setAttribute('aria-label', by ? `${name}, ${shown}` : `${name}, ${nats}`);
    token.title = by ? `${name}: ${shown}; ${nats}` : `${name}: ${nats}`;
  }
  showLegend(by);
}

/** @param {{ scale: number, hasSign: boolean } | undefined} by */
function showLegend(by) {
  const boxes = by
    ? scaleSwatches(by.scale, by.hasSign)
    : swatches([0, ...data.levelStarts].map((start, level) => levelSwatch(start, level)));
  element('legend').replaceChildren(by ? 'Value: ' : 'Surprise in nats: ', boxes);
}

function levelSwatch(/** @type {number} */ start, /** @type {number} */ level) {
  const end = data.levelStarts[level];
  const made = swatch(end === undefined ? `${start} and more` : `${start}–${end}`);
  made.classList.add(`l${level}`);
  return made;
}
