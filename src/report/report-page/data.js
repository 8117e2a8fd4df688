/**
 * What the page knows, as `report-data.ts` writes it.
 *
 * @typedef {(number | null)[]} Values
 * @typedef {{
 *   together: number, step: number[], epoch: Values, seconds: Values,
 *   loss: Values, rate: Values, norm: Values, speed: Values,
 * }} Steps
 * @typedef {{
 *   step: number, epoch: number | null, seconds: number | null, trainLoss: number, nats: number,
 * }} Validation
 * @typedef {{
 *   name: string, path: string, step: number, saved: string, finished: boolean, epoch: number | null,
 *   elapsedSeconds: number, parameters: number, tokens: string, best: { step: number, nats: number } | null,
 *   texts: { part: string, name: string, bytes: number, sha256: string }[],
 *   settings: Record<string, string>, steps: Steps, validations: Validation[],
 *   samples: { step: number, text: string }[],
 * }} Run
 * @typedef {{
 *   name: string, text: string, textId: string, convention: string, tokenizerId: string,
 *   figures: Record<
 *     'perplexity' | 'perplexityWithoutOov' | 'perplexityPerWord' | 'natsPerToken' | 'bitsPerCharacter' | 'bitsPerByte' |
 *     'tokens', number | null>,
 * }} Evaluation
 */

/** @param {string} id */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @type {{ created: string, runs: Run[], evaluations: Evaluation[] }} */
export const data = JSON.parse(element('data').textContent ?? '');

export const runs = data.runs;
export const isOne = runs.length === 1;

/** A name before what is said of a run, where there are several. */
export function of(/** @type {Run} */ run, /** @type {string} */ what) {
  return isOne ? what : `${run.name} ${what}`;
}

/** `1,234` */
export function whole(/** @type {number} */ value) {
  return Math.round(value).toLocaleString('en');
}

/** A number for people, with about so many digits. */
export function figure(/** @type {number | null | undefined} */ value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) {
    return value.toExponential(Math.max(0, digits - 2)).replace('e+', 'e');
  }
  const places = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toLocaleString('en', {
    minimumFractionDigits: Math.max(0, digits - Math.max(1, places)),
    // Zeros before the first digit are none.
    maximumFractionDigits: Math.max(0, digits - places),
  });
}

/** `0:07`, `12:34`, `1:02:03` */
export function clock(/** @type {number | null} */ seconds) {
  if (seconds === null) return '–';
  const total = Math.round(seconds);
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const minutes = h > 0 ? `${h}:${String(m).padStart(2, '0')}` : `${m}`;
  return `${minutes}:${String(s).padStart(2, '0')}`;
}

/** As {@link clock}, and parts of a second to the thousandth: `0:00.5` */
export function moment(/** @type {number} */ seconds) {
  const thousandths = Math.round(seconds * 1000);
  return clock(Math.floor(thousandths / 1000)) + String((thousandths % 1000) / 1000).slice(1);
}

/** `1.2 MB` */
export function size(/** @type {number} */ bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${figure(bytes / 1e3, 2)} kB`;
  return bytes < 1e9 ? `${figure(bytes / 1e6, 2)} MB` : `${figure(bytes / 1e9, 2)} GB`;
}

/**
 * An element with a class and what is in it; a text is text, whatever it says.
 *
 * @param {string} tag
 * @param {string} className
 * @param {...(string | Node)} content
 */
export function made(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...content);
  return node;
}
