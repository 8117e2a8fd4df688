import { parseArgs } from 'node:util';
import { describe, expect, it } from 'vitest';
import { resolveTrainOptions } from '../../src/config/train.ts';
import { type GivenTrainOptions, trainOptions } from '../../src/config/train-options.ts';
import { parseOption } from '../../src/option-table.ts';
import { flagsAt, rowsOf, usefulFlags } from './experiment.ts';
import { nameOf } from './options.ts';
import { experiments } from './settings.ts';

/** What `gru-lm train` makes of flags. */
function givenBy(flags: string[]): GivenTrainOptions {
  const specs = Object.entries(trainOptions);
  const { values } = parseArgs({
    args: flags,
    allowNegative: true,
    options: Object.fromEntries(
      specs.map(([, { flag, type }]) => [
        flag,
        { type: type === 'switch' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });
  const given = specs.flatMap(([name, spec]) => {
    const value = values[spec.flag];
    if (value === undefined) return [];
    return [[name, typeof value === 'string' ? parseOption(spec, value) : value]];
  });
  return Object.fromEntries(given) as GivenTrainOptions;
}

const settings = experiments.flatMap((experiment) =>
  rowsOf(experiment)
    .filter(({ kind }) => kind === 'setting')
    .map((row) => [nameOf({ experiment, row }), row] as const),
);

describe('the settings that experiments compare', () => {
  it.each(settings)('are such as gru-lm trains with: %s', (_, row) => {
    const options = resolveTrainOptions(givenBy(usefulFlags(flagsAt(row, 1))));
    expect(options).toMatchObject(givenBy(row.changed));
  });
});

describe('useful flags', () => {
  const base = ['--gru-variant', 'reset-before', '--weight-decay', '0.3', '--optimizer', 'muon'];

  it('are all where they change something', () => {
    expect(usefulFlags(base)).toEqual(base);
    expect(usefulFlags([...base, '--optimizer', 'adamw', '--cell', 'gru'])).toHaveLength(10);
  });

  it('are without the decay of optimizers that have none, and the variant of other cells', () => {
    expect(usefulFlags([...base, '--optimizer', 'sgd', '--tied'])).toEqual([
      ...['--gru-variant', 'reset-before', '--optimizer', 'muon', '--optimizer', 'sgd', '--tied'],
    ]);
    expect(usefulFlags([...base, '--cell', 'lstm'])).toEqual([
      ...['--weight-decay', '0.3', '--optimizer', 'muon', '--cell', 'lstm'],
    ]);
  });
});
