/**
 * What the page knows, as `page-data.ts` writes it.
 *
 * @typedef {{ name: string, signed: boolean, mean: number, means: number[], scale: number, values: string }} Activity
 * @typedef {{ size: number, units: number[], saturated: number, dead: number, activities: Activity[] }} Layer
 * @typedef {{ scales: number[], values: string }} PackedRows
 * @typedef {{
 *   title: string, checkpoint: string, model: string, renews: boolean, levelStarts: number[],
 *   names: Record<number, string>, ids: number[], texts: string[], leads: string[],
 *   surprises: (number | null)[], ranks: number[], entropies: (number | null)[],
 *   alternatives: number[][], next: number[], layers: Layer[], span: number, chosen: number,
 *   saliency: { contributions: PackedRows, gradients: PackedRows },
 * }} PageData
 */

/** @param {string} id */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @type {PageData} */
export const data = JSON.parse(element('data').textContent ?? '');

/** How many tokens there are. */
export const count = data.ids.length;

/** @param {string} base64 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/**
 * An activity of the units that are shown of a layer.
 *
 * @typedef {{ title: string, layer: Layer, activity: Activity, at: (place: number, row: number) => number }} Series
 */

/** @type {Series[]} */
export const allSeries = data.layers.flatMap((layer, k) =>
  layer.activities.map((activity) => {
    const bytes = bytesOf(activity.values);
    const signed = new Int8Array(bytes.buffer);
    const rows = layer.units.length;
    return {
      title: `layer ${k + 1}, ${activity.name}`,
      layer,
      activity,
      at: (/** @type {number} */ place, /** @type {number} */ row) => {
        const i = place * rows + row;
        return activity.signed ? ((signed[i] ?? 0) / 127) * activity.scale : (bytes[i] ?? 0) / 255;
      },
    };
  }),
);

const contributionBytes = new Int8Array(bytesOf(data.saliency.contributions.values).buffer);
const gradientBytes = new Int8Array(bytesOf(data.saliency.gradients.values).buffer);

/** How many tokens were weighed for the predictions before that at `place`. */
function weighedBefore(/** @type {number} */ place) {
  const whole = Math.max(0, place - 1 - data.span);
  const growing = place - 1 - whole;
  return (growing * (growing + 1)) / 2 + whole * data.span;
}

/**
 * What the prediction at a place rests on, in the order of the text.
 *
 * @param {number} place
 */
export function saliencyAt(place) {
  if (place === 0) return [];
  const length = Math.min(place, data.span);
  const first = weighedBefore(place);
  /** @type {(bytes: Int8Array, scales: number[], i: number) => number} */
  const value = (bytes, scales, i) => ((bytes[first + i] ?? 0) / 127) * (scales[place - 1] ?? 0);
  const { contributions, gradients } = data.saliency;
  return Array.from({ length }, (_, i) => ({
    place: place - length + i,
    contribution: value(contributionBytes, contributions.scales, i),
    gradient: value(gradientBytes, gradients.scales, i),
  }));
}

/** A token's name in quotes. */
export function nameOf(/** @type {number} */ id) {
  return `“${data.names[id]}”`;
}

/** The level of a surprise, from 0 on. */
export function levelOf(/** @type {number} */ nats) {
  return data.levelStarts.filter((start) => nats >= start).length;
}

/** `42 %`, `3.1 %`, `<0.1 %` */
export function percent(/** @type {number} */ share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  return `${value.toFixed(value < 9.95 && value > 0 ? 1 : 0)} %`;
}

/** With a sign, also before what is above 0. */
export function signed(/** @type {number} */ value) {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
}
