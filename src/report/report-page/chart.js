/** Charts of lines. */

import { figure, made } from './data.js';
import { scale } from './scales.js';

const SVG = 'http://www.w3.org/2000/svg';
const MARGIN = { left: 64, right: 12, top: 10, bottom: 40 };
/** Where this share of what a run takes of the axis is far above the rest, it may be left out. */
const STEEP_SHARE = 0.05;

/**
 * A line, or with `marks` points that are joined; `look` numbers the run that it is of.
 *
 * @typedef {{ x: number, y: number }} Point
 * @typedef {{ name: string, look: number, marks: boolean, points: Point[] }} Line
 * @typedef {{
 *   title: string, xTitle: string, yTitle: string, lines: Line[], height: number,
 *   logX?: boolean, logY?: boolean, cutsSteep?: boolean, showX: (x: number) => string, wholeX?: boolean,
 * }} Chart
 */

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} content
 */
function drawn(tag, attributes, ...content) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...content);
  return node;
}

/** Forms that tell runs apart without colours; each about so many pixels around a place. */
const FORMS = [
  (/** @type {number} */ r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  (/** @type {number} */ r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (/** @type {number} */ r) => `M0 ${-1.3 * r}L${1.2 * r} ${r}L${-1.2 * r} ${r}z`,
  (/** @type {number} */ r) => `M0 ${-1.4 * r}L${1.4 * r} 0L0 ${1.4 * r}L${-1.4 * r} 0z`,
  (/** @type {number} */ r) => `M${-1.2 * r} ${-r}L${1.2 * r} ${-r}L0 ${1.3 * r}z`,
  (/** @type {number} */ r) => `M${-r} ${-0.4 * r}h${2 * r}v${0.8 * r}h${-2 * r}z`,
];
export const LOOKS = FORMS.length;

/** @param {number} look */
function mark(look, x = 0, y = 0, radius = 4) {
  const form = FORMS[look % LOOKS] ?? FORMS[0];
  const d = form?.(radius) ?? '';
  return drawn('path', { d, transform: `translate(${x} ${y})`, class: `mark look${look % LOOKS}` });
}

/**
 * What a line looks like, for a legend.
 *
 * @param {number} look
 * @param {boolean} marks
 */
export function swatch(look, marks) {
  const line = drawn('path', {
    d: 'M2 8H34',
    class: `line look${look % LOOKS} ${marks ? 'valid' : 'train'}`,
  });
  const all = drawn(
    'svg',
    { width: 36, height: 16, 'aria-hidden': 'true', focusable: 'false' },
    line,
  );
  if (marks) all.append(mark(look, 18, 8));
  return all;
}

/** Puts a chart into an element, and again whenever its width changes; returns what draws it anew. */
export function place(/** @type {HTMLElement} */ home, /** @type {() => Chart} */ chartNow) {
  const frame = made('div', 'chart');
  const readout = made('p', 'readout', '');
  // What is drawn does not change the size that is observed.
  frame.style.height = `${chartNow().height}px`;
  home.append(frame, readout);
  const redraw = () => draw(frame, readout, chartNow());
  new ResizeObserver(redraw).observe(frame);
  return redraw;
}

/** Of what a logarithmic axis can show. */
function shownPoints(/** @type {Chart} */ { lines, logX, logY }) {
  return lines.map((line) => ({
    ...line,
    points: line.points.filter(({ x, y }) => (!logX || x > 0) && (!logY || y > 0)),
  }));
}

/**
 * The points behind the steep beginning of their run, as places go across, and the last of each line before them,
 * without which more would be left out.
 *
 * @param {Line[]} lines
 * @param {boolean} isLog
 */
function latePoints(lines, isLog) {
  const across = (/** @type {Point} */ { x }) => (isLog ? Math.log(x) : x);
  return lines.flatMap(({ look, points }) => {
    const xs = lines
      .filter((line) => line.look === look)
      .flatMap((line) => line.points.map(across));
    const [first, last] = [Math.min(...xs), Math.max(...xs)];
    const edge = first + STEEP_SHARE * (last - first);
    return points.filter((_, i) => {
      const next = points[i + 1];
      return next === undefined || across(next) > edge;
    });
  });
}

/**
 * @param {HTMLElement} frame
 * @param {HTMLElement} readout
 * @param {Chart} chart
 */
function draw(frame, readout, chart) {
  const width = frame.clientWidth;
  const lines = shownPoints(chart);
  const all = lines.flatMap(({ points }) => points);
  if (width === 0) return;
  if (all.length === 0) {
    frame.replaceChildren(made('p', 'note', 'Nothing is known of this.'));
    return;
  }
  const { height, logX = false, logY = false } = chart;
  const xs = all.map(({ x }) => x);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const ys = all.map(({ y }) => y);
  const lateYs = (chart.cutsSteep ? latePoints(lines, logX) : all).map(({ y }) => y);
  const [low, high] = [Math.min(...ys), Math.max(...lateYs)];
  const room = high - low || Math.abs(high) || 1;
  const [bottom, top] = [MARGIN.top, height - MARGIN.bottom];
  const y = scale(
    logY ? low / 1.03 : low - 0.03 * room,
    logY ? high * 1.03 : high + 0.03 * room,
    logY,
    [top, bottom],
    Math.max(3, Math.floor(height / 45)),
  );
  const ends = /** @type {[number, number]} */ ([MARGIN.left, width - MARGIN.right]);
  const most = Math.max(3, Math.floor(width / 110));
  const x = scale(left, right, logX, ends, most, chart.wholeX);
  const svg = drawn('svg', { width, height, role: 'img', 'aria-label': labelOf(chart) });
  svg.append(...axes(chart, x, y, width));
  const clip = drawn('svg', {
    x: MARGIN.left - 6,
    y: MARGIN.top - 6,
    width: width - MARGIN.left - MARGIN.right + 12,
    height: height - MARGIN.top - MARGIN.bottom + 12,
    viewBox: `${MARGIN.left - 6} ${MARGIN.top - 6} ${width - MARGIN.left - MARGIN.right + 12} ${height - MARGIN.top - MARGIN.bottom + 12}`,
  });
  // Validations over all that is training.
  for (const line of [...lines].sort((a, b) => Number(a.marks) - Number(b.marks))) {
    const places = line.points.map(
      (point) => /** @type {const} */ ([x.place(point.x), y.place(point.y)]),
    );
    const d = places
      .map(([px, py], i) => `${i ? 'L' : 'M'}${px.toFixed(1)} ${py.toFixed(1)}`)
      .join('');
    clip.append(
      drawn('path', {
        d,
        class: `line look${line.look % LOOKS} ${line.marks ? 'valid' : 'train'}`,
      }),
    );
    if (line.marks) for (const [px, py] of places) clip.append(mark(line.look, px, py));
  }
  const cursor = drawn('line', { y1: bottom, y2: top, class: 'cursor', visibility: 'hidden' });
  svg.append(clip, cursor);
  follow(svg, cursor, readout, chart, lines, x.place);
  frame.replaceChildren(svg);
}

/** For who does not see it. */
function labelOf(/** @type {Chart} */ { title, xTitle, yTitle, lines }) {
  const ends = lines
    .filter(({ points }) => points.length > 0)
    .map(
      ({ name, points }) => `${name}: from ${figure(points[0]?.y)} to ${figure(points.at(-1)?.y)}`,
    );
  return `${title}: ${yTitle} by ${xTitle}. ${ends.join('; ')}. The numbers are in the tables.`;
}

/**
 * @param {Chart} chart
 * @param {import('./scales.js').Scale} x
 * @param {import('./scales.js').Scale} y
 * @param {number} width
 */
function axes({ height, xTitle, yTitle, showX }, x, y, width) {
  const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
  const text = (
    /** @type {string} */ content,
    /** @type {number} */ atX,
    /** @type {number} */ atY,
    anchor = 'middle',
  ) => drawn('text', { x: atX, y: atY, 'text-anchor': anchor }, content);
  const nodes = [];
  for (const tick of y.ticks) {
    const at = y.place(tick);
    nodes.push(drawn('line', { x1: MARGIN.left, x2: right, y1: at, y2: at, class: 'grid' }));
    nodes.push(text(tickText(tick), MARGIN.left - 6, at + 4, 'end'));
  }
  for (const tick of x.ticks) {
    const at = x.place(tick);
    nodes.push(drawn('line', { x1: at, x2: at, y1: bottom, y2: bottom + 4, class: 'axis' }));
    const isLast = at > right - 24;
    nodes.push(text(showX(tick), isLast ? right : at, bottom + 17, isLast ? 'end' : 'middle'));
  }
  nodes.push(
    drawn('path', { d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${right}`, class: 'axis' }),
  );
  nodes.push(text(xTitle, (MARGIN.left + right) / 2, height - 5));
  const middle = (MARGIN.top + bottom) / 2;
  const turned = text(yTitle, 0, 0);
  turned.setAttribute('transform', `translate(13 ${middle}) rotate(-90)`);
  return [...nodes, turned];
}

function tickText(/** @type {number} */ tick) {
  if (tick !== 0 && (Math.abs(tick) < 1e-3 || Math.abs(tick) >= 1e6))
    return tick.toExponential().replace('e+', 'e');
  const notation = Math.abs(tick) >= 1e4 ? 'compact' : 'standard';
  return tick.toLocaleString('en', { notation, maximumFractionDigits: 6 });
}

/**
 * Says what the lines are at where the pointer is.
 *
 * @param {SVGElement} svg
 * @param {SVGElement} cursor
 * @param {HTMLElement} readout
 * @param {Chart} chart
 * @param {Line[]} lines
 * @param {(x: number) => number} placeOf
 */
function follow(svg, cursor, readout, chart, lines, placeOf) {
  svg.addEventListener('pointermove', (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const nearest = lines.flatMap((line) => {
      const [first, ...others] = line.points;
      if (!first) return [];
      const distance = (/** @type {Point} */ point) => Math.abs(placeOf(point.x) - at);
      const point = others.reduce(
        (best, one) => (distance(one) < distance(best) ? one : best),
        first,
      );
      return [{ line, point, distance: distance(point) }];
    });
    const closest = nearest.reduce((best, one) => (one.distance < best.distance ? one : best));
    const x = placeOf(closest.point.x);
    cursor.setAttribute('x1', String(x));
    cursor.setAttribute('x2', String(x));
    cursor.setAttribute('visibility', 'visible');
    const values = nearest
      .filter(({ point }) => Math.abs(placeOf(point.x) - x) < 24)
      .map(({ line, point }) => `${line.name} ${figure(point.y)}`);
    readout.textContent = `${chart.xTitle} ${chart.showX(closest.point.x)}: ${values.join(', ')}`;
  });
  svg.addEventListener('pointerleave', () => {
    cursor.setAttribute('visibility', 'hidden');
    readout.textContent = '';
  });
}
