import { describe, expect, it } from 'vitest';
import { type Experiment, flagsAt, rowsOf } from './experiment.ts';
import { outcomeOf, stepsPerSecondOf } from './outcome.ts';
import { countedOn, type Result, resultOf, runsOf, tableOf } from './results.ts';

const experiment: Experiment = {
  ...{ name: 'words', title: 'Words', text: 'words.txt', seconds: 60 },
  ...{ data: ['--tokenizer', 'word'], ngrams: [5], recipeRates: [20] },
  base: ['--precision', 'bfloat16'],
  settings: { base: [], wide: ['--hidden', '9'] },
};
const amd = { processor: 'AMD', cores: 2 };
const intel = { processor: 'Intel', cores: 1 };

function result(row: string, natsPerToken: number, machine = amd, day = 1, seed = 1): Result {
  const found = rowsOf(experiment).find(({ name }) => name === row)!;
  const outcome = { steps: 10, tokensPerSecond: 99.6, natsPerToken };
  const date = new Date(Date.UTC(2026, 0, day));
  return resultOf({ experiment, row: found, seed, pace: 1 }, outcome, machine, date);
}

describe('a result', () => {
  it('tells what it was run with, where and when', () => {
    expect(result('wide', 2)).toEqual({
      ...{ experiment: 'words', row: 'wide', seed: 1, precision: 'bfloat16' },
      ...{ steps: 10, tokensPerSecond: 100, natsPerToken: 2 },
      ...{ date: '2026-01-01T00:00:00.000Z', ...amd },
      flags: '--tokenizer word --precision bfloat16 --hidden 9 --max-time 60s',
    });
  });

  it('is of its row for as long as that has the same flags', () => {
    const longer: Experiment = { ...experiment, seconds: 61 };
    const counts = [experiment, longer].map((each) =>
      rowsOf(each).map(
        (row) => runsOf(each, row, [result('base', 2), result('ngram-5', 3)]).length,
      ),
    );
    expect(counts).toEqual([
      [1, 0, 0, 1],
      [0, 0, 0, 1],
    ]);
  });
});

describe('an experiment by the steps of its base', () => {
  const { seconds: _, ...rest } = experiment;
  const settings = {
    base: [],
    wide: ['--hidden', '9'],
    slow: ['--lr', '1', '--weight-decay', '0'],
  };
  const bySteps: Experiment = { ...rest, settings, recipeRates: [], steps: 600 };
  const rows = rowsOf(bySteps);
  const ended = (name: string, pace: number, natsPerToken: number, machine = amd) => {
    const row = rows.find((each) => each.name === name)!;
    const outcome = { steps: 600 * pace, tokensPerSecond: 99, natsPerToken };
    return resultOf({ experiment: bySteps, row, seed: 1, pace }, outcome, machine, new Date(0));
  };

  it('gives as many steps as a row makes in the time of the base', () => {
    expect(rows.map((row) => flagsAt(row, 0.7512).at(-1))).toEqual([
      '600',
      '451',
      '600',
      'ngram:5',
    ]);
    expect(rows[1]!.flags.at(-1)).toBe('600×pace');
  });

  it('has the runs of all processors, which those by time are told apart by', () => {
    const results = [ended('base', 1, 2), ended('wide', 0.75, 1, intel)];
    const table = tableOf(bySteps, results, 'amd')!;
    expect(table.title).toBe('Words');
    expect(table.rows.map(([name]) => name)).toEqual(['wide', 'base']);
    expect(countedOn(amd, bySteps, results)).toEqual(results);
    expect(countedOn(amd, experiment, results)).toEqual([results[0]]);
  });

  it('has the paces in its table', () => {
    const results = [ended('base', 1, 2), ended('wide', 0.75, 1), ended('slow', 1, 3)];
    const table = tableOf(bySteps, results)!;
    const at = ['setting', 'steps', 'pace'].map((name) =>
      table.columns.findIndex((column) => column.title === name),
    );
    expect(results.map(({ pace }) => pace)).toEqual([undefined, 0.75, undefined]);
    expect(table.rows.map((row) => at.map((column) => row[column]))).toEqual([
      ['wide', '450', '0.75'],
      ['base', '600', '1.00'],
      ['slow', '600', '1.00'],
    ]);
  });
});

describe('the table of an experiment', () => {
  const all = [
    ...[result('base', 2.5), result('base', 1.5, amd, 2, 2), result('recipe-20', 3)],
    ...[result('wide', 1), result('base', 4, intel, 9), result('ngram-5', 5)],
  ];
  const shown = (processor?: string) => {
    const table = tableOf(experiment, all, processor);
    return { title: table?.title, rows: table?.rows.map((row) => row.slice(0, 3)) };
  };

  it('has the medians of one processor, the best first', () => {
    expect(shown('amd')).toEqual({
      title: 'Words, on AMD, 2 cores',
      rows: [
        ['wide', '1.0000', '−1.0000'],
        ['base', '2.0000', ''],
        ['PyTorch’s word-language-model recipe, GRU 2×200, lr 20', '3.0000', '+1.0000'],
        ['Kneser–Ney, 5-grams', '5.0000', '+3.0000'],
      ],
    });
  });

  it('is of the processor measured on last, unless one is named', () => {
    expect(shown()).toEqual({ title: 'Words, on Intel, 1 core', rows: [['base', '4.0000', '']] });
    expect(tableOf(experiment, all, 'ARM')).toBeUndefined();
  });
});

describe('the outcome of a run', () => {
  const lines = (evaluated: number) =>
    [
      'cut}',
      '{"event":"step","step":1,"tokensPerSecond":10}',
      '{"event":"step","step":2,"tokensPerSecond":30}',
      `{"event":"eval","step":${evaluated},"natsPerToken":2}`,
    ].join('\n');

  it('is that of the final weights', () => {
    expect(outcomeOf(lines(2))).toEqual({ steps: 2, tokensPerSecond: 20, natsPerToken: 2 });
    expect(() => outcomeOf(lines(1))).toThrow('expected the weights of step 2 evaluated, not 1');
  });

  it('tells how many steps a second takes, without the first, which makes things ready', () => {
    const steps = [9, 11, 13, 17].map((elapsedSeconds, i) =>
      JSON.stringify({ event: 'step', step: i + 1, elapsedSeconds }),
    );
    expect(stepsPerSecondOf(['{"event":"start"}', ...steps].join('\n'))).toBe(3 / 8);
    expect(() => stepsPerSecondOf(`{"event":"start"}\n${steps[0]}`)).toThrow('two steps or more');
  });
});
