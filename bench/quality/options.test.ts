import { describe, expect, it } from 'vitest';
import type { Experiment } from './experiment.ts';
import { nameOf, parseOptions } from './options.ts';
import { experiments } from './settings.ts';

const experiment = (name: string, limit: { steps: number } | { seconds: number }): Experiment => ({
  ...{ name, title: name, text: 'a.txt', data: [], ngrams: [5], base: [], ...limit },
  settings: { base: [], 'with a space': ['--tied'] },
});
const both = [experiment('one', { steps: 10 }), experiment('two', { seconds: 60 })];
const parsed = (...args: string[]) => parseOptions(args, both);
const names = (...args: string[]) => parsed(...args).rows.map(nameOf);

describe('options of the experiments', () => {
  it('are all rows that are trained, with three seeds, one run at a time', () => {
    expect(names()).toEqual(['one/base', 'one/with a space', 'two/base', 'two/with a space']);
    expect(parsed()).toMatchObject({ seeds: [1, 2, 3], parallel: 1, list: false });
  });

  it('name rows or whole experiments', () => {
    expect(names('--only', 'two,one/with a space')).toEqual([
      ...['one/with a space', 'two/base', 'two/with a space'],
    ]);
  });

  it('can name each row that there is', () => {
    const all = parseOptions([], experiments).rows.map(nameOf);
    expect(parseOptions(['--only', all.join(',')], experiments).rows.map(nameOf)).toEqual(all);
  });

  it('have several runs at once of what does not go by the clock', () => {
    expect(parsed('--parallel', '2', '--only', 'one')).toMatchObject({ parallel: 2 });
  });

  it.each([
    [['--only', 'three'], '--only: expected names of experiments or of their rows, found "three"'],
    [['--only', 'one/ngram-5'], '--only: expected names of experiments or of their rows'],
    [['--seeds', '1,x'], '--seeds: expected a whole number of at least 0, found "x"'],
    [['--seeds', ''], '--seeds: expected a whole number of at least 0, found ""'],
    [['--parallel', '0'], '--parallel: expected a whole number of at least 1, found "0"'],
    [['--parallel', '1.5'], '--parallel: expected a whole number of at least 1, found "1.5"'],
    [['--parallel', '2'], '--parallel: expected --only of experiments by steps, found two'],
    [['--other'], "Unknown option '--other'"],
  ])('%j are refused', (args, message) => {
    expect(() => parsed(...args)).toThrow(message);
  });
});
