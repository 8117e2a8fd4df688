import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Screen } from '../../test/support/screen.ts';
import { LiveRegion, type Size } from './live-region.ts';

/** A region of some lines, each as wide as may be or less. */
function regionOn(screen: Screen, lines: readonly number[]) {
  const state = { lines, turn: 0 };
  const linesOf = ({ columns, rows }: Size) =>
    state.lines
      .slice(0, rows - 1)
      .map((share, i) => `${state.turn}.${i}`.padEnd(Math.floor(share * (columns - 1)), '='))
      .map((line) => line.slice(0, columns - 1));
  const region = new LiveRegion(screen, linesOf);
  return { region, state, text: () => linesOf(screen).join('\n') };
}

test('is drawn in its place, and what is logged stays above it', async () => {
  const screen = new Screen(20, 6);
  const { region, state, text } = regionOn(screen, [1, 0.5, 1]);
  region.changed();
  region.log('first');
  state.turn = 1;
  region.log('second, which is longer than a line');
  expect(await screen.text()).toBe(`first\nsecond, which is longer than a line\n${text()}`);
  region.stop();
  screen.write('next');
  expect(await screen.text()).toBe(`first\nsecond, which is longer than a line\n${text()}\nnext`);
});

test('what the terminal writes at the cursor goes with the next drawing', async () => {
  const screen = new Screen(20, 6);
  const { region, text } = regionOn(screen, [1, 1]);
  region.changed();
  screen.write('^C');
  expect(await screen.text()).not.toBe(text());
  region.stop();
  expect(await screen.text()).toBe(text());
  expect(await screen.cursor()).toEqual({ column: 0, line: '' });
});

test('fewer lines leave nothing of those before', async () => {
  const screen = new Screen(20, 6);
  const { region, state, text } = regionOn(screen, [1, 1, 1, 1]);
  region.changed();
  state.lines = [0.3, 0.2];
  region.stop();
  expect(await screen.text()).toBe(text());
});

test('a lower terminal gets fewer lines', async () => {
  const screen = new Screen(20, 10);
  const { region, text } = regionOn(screen, [1, 1, 1, 1]);
  region.log('before');
  await screen.resize(20, 4);
  region.stop();
  expect(await screen.text()).toBe(`before\n${text()}`);
});

test('nothing is left of it, whatever is logged and however wide the terminal becomes', () => {
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: 1,
    maxLength: 5,
  });
  const act = fc.oneof(
    fc.record({ lines: shares }),
    fc.record({ log: fc.stringMatching(/^[a-z字]{1,50}$/) }),
    fc.record({ columns: fc.integer({ min: 12, max: 60 }) }),
    fc.record({ key: fc.constant('^C') }),
  );
  return fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
      const screen = new Screen(40, 40);
      const { region, state, text } = regionOn(screen, [1, 0.5]);
      region.changed();
      const logged: string[] = [];
      for (const one of acts) {
        state.turn += 1;
        if ('lines' in one) {
          state.lines = one.lines;
          logged.push('lines');
          region.log('lines');
        } else if ('log' in one) {
          logged.push(one.log);
          region.log(one.log);
        } else if ('columns' in one) {
          await screen.resize(one.columns, 40);
        } else {
          screen.write(one.key);
        }
      }
      region.stop();
      expect(await screen.text()).toBe([...logged, text()].join('\n'));
      expect(screen.isListenedTo).toBe(false);
    }),
    { numRuns: 60 },
  );
});
