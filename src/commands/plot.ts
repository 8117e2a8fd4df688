/** Curves as text. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Axes {
  /** Characters between the axes, and lines. */
  readonly width: number;
  readonly height: number;
  readonly showX: (x: number) => string;
  readonly showY: (y: number) => string;
}

/**
 * Points over a logarithmic x axis, as lines: the highest y first, and below all the ends of the x axis.
 * At each place on it stands the mean of the points there.
 *
 * @param points at least two, of more than one x; every x above 0, every y finite
 */
export function plotLogX(points: readonly Point[], axes: Axes): string[] {
  const { width, height, showX } = axes;
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y }));
  const [left, right] = [Math.min(...logs.map(({ x }) => x)), Math.max(...logs.map(({ x }) => x))];
  const means = columnMeans(logs, { left, right, width });
  const known = means.filter((mean) => mean !== undefined);
  const range = { high: Math.max(...known), low: Math.min(...known), height };
  const labels = labelsOf(range, axes.showY);
  const rows = markRows([{ means, mark: '•' }], range);
  return framed(rows, labels, width, [showX(Math.exp(left)), showX(Math.exp(right))]);
}

export interface Series {
  /** In any order; every y finite. */
  readonly points: readonly Point[];
  /** One character. */
  readonly mark: string;
  readonly style: (marks: string) => string;
}

interface Frame {
  /** Characters of the longest line, axis and labels among them. */
  readonly columns: number;
  readonly height: number;
  /** The ends of the x axis; left is less than right. */
  readonly left: number;
  readonly right: number;
  /** The share of the width whose values may be above all that is shown: they stand at the top as `^`. */
  readonly steepShare: number;
  readonly showX: (x: number) => string;
  readonly showY: (y: number) => string;
}

/**
 * Several curves in one frame, as lines of at most `columns` characters; where two meet, the later one is
 * seen.
 *
 * @param series of which the first has a point
 */
export function plotLines(series: readonly Series[], frame: Frame): string[] {
  const { left, right, height, steepShare, columns } = frame;
  const margin = Math.max(
    ...series.flatMap(({ points }) => points.map(({ y }) => frame.showY(y).length)),
  );
  const width = columns - margin - 2;
  const curves = series.map(({ points, ...look }) => ({
    ...look,
    means: columnMeans(points, { left, right, width }),
  }));
  const known = (from: number) =>
    curves.flatMap(({ means }) => means.slice(from)).filter((mean) => mean !== undefined);
  const range = {
    high: Math.max(...known(Math.ceil(steepShare * width))),
    low: Math.min(...known(0)),
    height,
  };
  const labels = labelsOf(range, frame.showY).map((label) => label.padStart(margin));
  const ends: [string, string] = [frame.showX(left), frame.showX(right)];
  return framed(markRows(curves, range), labels, width, ends);
}

/** The mean of the points at each place of an axis. */
function columnMeans(
  points: readonly Point[],
  { left, right, width }: { left: number; right: number; width: number },
): (number | undefined)[] {
  const columns = Array.from({ length: width }, () => ({ sum: 0, count: 0 }));
  for (const { x, y } of points) {
    const column = columns[Math.round(((x - left) / (right - left)) * (width - 1))]!;
    column.sum += y;
    column.count += 1;
  }
  return columns.map(({ sum, count }) => (count === 0 ? undefined : sum / count));
}

interface Range {
  readonly high: number;
  readonly low: number;
  readonly height: number;
}

interface Curve {
  readonly means: readonly (number | undefined)[];
  readonly mark: string;
  readonly style?: ((marks: string) => string) | undefined;
}

/** The lines between the axes. */
function markRows(curves: readonly Curve[], { high, low, height }: Range): string[] {
  const rows = Array.from({ length: height }, (): string[] => []);
  for (const { means, mark, style = (marks: string) => marks } of curves) {
    for (const [column, mean] of means.entries()) {
      if (mean === undefined) continue;
      const row = Math.round(((high - mean) / (high - low || 1)) * (height - 1));
      rows[Math.max(0, row)]![column] = style(mean > high ? '^' : mark);
    }
  }
  return rows.map((row) => Array.from(row, (at) => at ?? ' ').join(''));
}

/** Of each line, as wide as each other. */
function labelsOf({ high, low, height }: Range, showY: (y: number) => string): string[] {
  const labels = Array.from({ length: height }, (_, row) =>
    row === 0 ? showY(high) : row === height - 1 ? showY(low) : '',
  );
  const margin = Math.max(...labels.map((label) => label.length));
  return labels.map((label) => label.padStart(margin));
}

function framed(
  rows: readonly string[],
  labels: readonly string[],
  width: number,
  [first, last]: readonly [string, string],
): string[] {
  const margin = ' '.repeat((labels[0] as string).length);
  return [
    ...rows.map((row, i) => `${labels[i]} │${row}`.trimEnd()),
    `${margin} └${'─'.repeat(width)}`,
    `${margin}  ${first}${last.padStart(width - first.length)}`,
  ];
}
