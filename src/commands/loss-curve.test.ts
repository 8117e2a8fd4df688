import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { Screen } from '../../test/support/screen.ts';
import { LossCurve } from './loss-curve.ts';
import { barLine, startProgress } from './progress-bar.ts';

/** Of a run of `steps`, validated every tenth of it. */
function curveOf(steps: number, lossAt: (step: number) => number): LossCurve {
  const curve = new LossCurve();
  for (let step = 1; step <= steps; step++) {
    curve.addStep(step, lossAt(step));
    if (step % Math.ceil(steps / 10) === 0) curve.addValidation(step, lossAt(step) + 0.1);
  }
  return curve;
}

describe('the plot of a run', () => {
  test('has training and validation by step, which differ without colours too', () => {
    const lines = curveOf(40, (step) => 4 - step / 20).lines({ columns: 44, rows: 12 });
    expect(lines).toEqual([
      '3.725 │^^^^••x',
      '      │       •••x••x',
      '      │              •••x•• x',
      '      │                    ••••x•',
      '      │                          ••x••x',
      '2.000 │                                •••x',
      '      └────────────────────────────────────',
      '       step 1                       step 40',
      'nats a token: • training, x validation',
    ]);
  });

  test('fits any terminal that it is drawn on, with the bar and some lines above', () => {
    const curve = curveOf(300, (step) => 1000 / step);
    const size = {
      columns: fc.integer({ min: 1, max: 300 }),
      rows: fc.integer({ min: 1, max: 99 }),
    };
    fc.assert(
      fc.property(fc.record(size), ({ columns, rows }) => {
        const lines = curve.lines({ columns, rows });
        expect(lines.length > 0).toBe(columns >= 40 && rows >= 11);
        expect(lines.length).toBeLessThanOrEqual(Math.max(0, rows - 3));
        for (const line of lines) expect(stringWidth(line)).toBeLessThan(columns);
      }),
    );
  });

  test('what is steep at the beginning is cut, and marked', () => {
    const lines = curveOf(100, (step) => (step <= 5 ? 50 : 2 - step / 100)).lines({
      columns: 80,
      rows: 24,
    });
    expect(lines[0]).toMatch(/^ 1\.\d{3} │\^/);
    expect(lines.slice(1).join('')).not.toContain('^');
  });

  test('keeps the means of ever more steps', () => {
    const lines = curveOf(100_000, () => 3).lines({ columns: 80, rows: 24 });
    expect(lines.at(-2)).toMatch(/^ +step [\d,]+ +step [\d,]+$/);
    expect(lines.filter((line) => /│.*•/.test(line))).toHaveLength(1);
  });

  test('forgets what the run went back from', () => {
    const curve = curveOf(40, (step) => 4 - step / 20);
    const before = curve.lines({ columns: 60, rows: 20 });
    for (let step = 41; step <= 80; step++) curve.addStep(step, 99);
    curve.addValidation(80, 99);
    expect(curve.lines({ columns: 60, rows: 20 })).not.toEqual(before);
    curve.goBack(40);
    expect(curve.lines({ columns: 60, rows: 20 })).toEqual(before);
  });

  test('one step is no curve yet', () => {
    expect(curveOf(1, () => 2).lines({ columns: 80, rows: 24 })).toEqual([]);
  });
});

test('a plot stands under the bar, below what is logged, and goes where there is no room', async () => {
  const curve = curveOf(40, (step) => 4 - step / 20);
  const screen = new Screen(80, 60);
  const progress = startProgress((size) => curve.lines(size), screen);
  progress.update(0.4, ['step 40', 'loss 2.000']);
  progress.log('step 40  validation loss 2.1');
  const [log, bar, ...plot] = (await screen.text()).split('\n');
  expect(log).toBe('step 40  validation loss 2.1');
  expect(bar).toMatch(/█ *░* +40% step 40 loss 2\.000$/);
  expect(plot).toEqual(curve.lines({ columns: 80, rows: 60 }));
  await screen.resize(30, 60);
  progress.stop();
  expect(await screen.text()).toBe(`${log}\n${barLine(0.4, ['step 40', 'loss 2.000'], 29)}`);
});
