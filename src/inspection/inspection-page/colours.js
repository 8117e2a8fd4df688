/** Colours for numbers, of those that the style sheet has for light and dark. */

export const darkScheme = matchMedia('(prefers-color-scheme: dark)');

/** @type {{ heat: number[][], against: number[], surface: number[], inFavour: number[], ink: string }} */
export let palette = readPalette();
darkScheme.addEventListener('change', () => {
  palette = readPalette();
});

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const parse = (/** @type {string} */ name) =>
    [1, 3, 5].map((i) => Number.parseInt(read(name).slice(i, i + 2), 16));
  return {
    heat: ['--l0', '--l1', '--l2', '--l3', '--l4', '--l5'].map(parse),
    against: parse('--against'),
    surface: parse('--surface'),
    inFavour: parse('--for'),
    ink: read('--ink'),
  };
}

/**
 * The colour between two, as numbers from 0 to 255.
 *
 * @param {number[]} from
 * @param {number[]} to
 * @param {number} share
 */
function between(from, to, share) {
  return from.map((channel, i) => Math.round(channel + ((to[i] ?? 0) - channel) * share));
}

/**
 * Of a number in [0, 1] the shade of heat, of one in [−1, 1] with a sign that of its sign.
 *
 * @param {number} value
 * @param {boolean} hasSign
 */
export function colourOf(value, hasSign) {
  if (hasSign) {
    const share = Math.min(1, Math.abs(value));
    return between(palette.surface, value < 0 ? palette.against : palette.inFavour, share);
  }
  const steps = palette.heat.length - 1;
  const at = Math.min(1, Math.max(0, value)) * steps;
  const low = Math.min(steps - 1, Math.floor(at));
  const [from, to] = [palette.heat[low], palette.heat[low + 1]];
  return between(/** @type {number[]} */ (from), /** @type {number[]} */ (to), at - low);
}

/** @param {number[]} colour */
export function css(colour) {
  return `rgb(${colour.join(' ')})`;
}

/**
 * Black or white, whichever stands out more from a colour, by WCAG's relative luminance.
 *
 * @param {number[]} colour
 */
export function inkOn(colour) {
  const [r = 0, g = 0, b = 0] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
}

/**
 * A box of the legend.
 *
 * @param {string} shown
 */
export function swatch(shown) {
  const made = document.createElement('span');
  made.textContent = shown;
  made.className = 'swatch';
  return made;
}

/**
 * Boxes that stay in one line behind their title, or go to the next together.
 *
 * @param {HTMLElement[]} boxes
 */
export function swatches(boxes) {
  const made = document.createElement('span');
  made.className = 'swatches';
  made.append(...boxes);
  return made;
}

/**
 * What {@link colourOf} gives for numbers up to a scale.
 *
 * @param {number} scale
 * @param {boolean} hasSign
 */
export function scaleSwatches(scale, hasSign) {
  const shares = hasSign ? [-1, -0.5, 0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
  const boxes = shares.map((share) => {
    const made = swatch((share * scale).toFixed(2).replace('-', '−'));
    const colour = colourOf(share, hasSign);
    made.style.backgroundColor = css(colour);
    made.style.color = inkOn(colour);
    return made;
  });
  return swatches(boxes);
}
