/** Axes: from values to places, and the values that are written beside them. */

/**
 * @typedef {{ low: number, high: number, isLog: boolean, place: (value: number) => number, ticks: number[] }} Scale
 */

/**
 * @param {number} low
 * @param {number} high
 * @param {boolean} isLog whether places go by the logarithm, which takes `low` above 0
 * @param {[number, number]} places of low and high
 * @param {number} count how many ticks there is room for
 * @param {boolean} isWhole whether only whole numbers are ticks
 * @returns {Scale}
 */
export function scale(low, high, isLog, [from, to], count, isWhole = false) {
  const [a, b] = isLog ? [Math.log(low), Math.log(high)] : [low, high];
  const place = (/** @type {number} */ value) =>
    from + (((isLog ? Math.log(value) : value) - a) / (b - a || 1)) * (to - from);
  const all = isLog ? logTicks(low, high, count) : linearTicks(low, high, count);
  const ticks = isWhole ? all.filter(Number.isInteger) : all;
  return { low, high, isLog, place, ticks };
}

/**
 * Round values, so many or fewer, and one more where both ends are.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
function linearTicks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((one) => one >= rough) ?? rough;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/**
 * Powers of ten with twice and five times these; of a small range round values; so many or fewer.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
function logTicks(low, high, count) {
  if (high / low < 10) return linearTicks(low, high, count);
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const digit of digits) ticks.push(Number((digit * 10 ** power).toPrecision(12)));
    }
    const seen = ticks.filter((tick) => tick >= low && tick <= high);
    if (seen.length <= count || digits.length === 1) return seen;
  }
  return [];
}
