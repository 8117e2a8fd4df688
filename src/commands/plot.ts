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
export function plotLogX(
  points: readonly Point[],
  { width, height, showX, showY }: Axes,
): string[] {
  const xs = points.map(({ x }) => Math.log(x));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const columns = Array.from({ length: width }, () => ({ sum: 0, count: 0 }));
  for (const [i, { y }] of points.entries()) {
    const column = columns[Math.round(((xs[i]! - left) / (right - left)) * (width - 1))]!;
    column.sum += y;
    column.count += 1;
  }
  const means = columns.map(({ sum, count }) => (count === 0 ? undefined : sum / count));
  const known = means.filter((mean) => mean !== undefined);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const rowOf = (y: number) => Math.round(((high - y) / (high - low || 1)) * (height - 1));
  const labels = Array.from({ length: height }, (_, row) =>
    row === 0 ? showY(high) : row === height - 1 ? showY(low) : '',
  );
  const margin = Math.max(...labels.map((label) => label.length));
  const lines = labels.map((label, row) => {
    const marks = means.map((mean) => (mean !== undefined && rowOf(mean) === row ? '•' : ' '));
    return `${label.padStart(margin)} │${marks.join('')}`.trimEnd();
  });
  const [first, last] = [showX(Math.exp(left)), showX(Math.exp(right))];
  const axis = `${' '.repeat(margin)} └${'─'.repeat(width)}`;
  const ends = `${' '.repeat(margin + 2)}${first}${last.padStart(width - first.length)}`;
  return [...lines, axis, ends];
}
