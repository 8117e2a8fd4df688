import { describe, expect, it } from 'vitest';
import { plotLogX } from './plot.ts';

const axes = {
  width: 21,
  height: 5,
  showX: (x: number) => x.toExponential(0),
  showY: (y: number) => y.toFixed(1),
};

describe('a plot', () => {
  it('has its points where their logarithm and value put them', () => {
    const points = [
      { x: 0.001, y: 4 },
      { x: 0.01, y: 2 },
      { x: 0.1, y: 0 },
    ];
    expect(plotLogX(points, axes)).toEqual([
      '4.0 │•',
      '    │',
      '    │          •',
      '    │',
      '0.0 │                    •',
      '    └─────────────────────',
      '     1e-3             1e-1',
    ]);
  });

  it('shows the mean of points that share a place', () => {
    const points = [1, 1, 10, 10].map((x, i) => ({ x, y: i }));
    expect(plotLogX(points, { ...axes, width: 2, height: 2 }).slice(0, 2)).toEqual([
      '2.5 │ •',
      '0.5 │•',
    ]);
  });

  it('is a line where all values are alike', () => {
    const lines = plotLogX(
      [1, 10].map((x) => ({ x, y: 3 })),
      axes,
    );
    expect(lines[0]).toBe(`3.0 │•${' '.repeat(19)}•`);
    expect(lines.slice(1, 5).join('')).not.toContain('•');
  });
});
