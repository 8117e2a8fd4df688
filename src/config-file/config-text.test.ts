import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OptionTable } from '../option-table.ts';
import { configText } from './config-text.ts';
import { flagsOverFile, withOrigins } from './origins.ts';
import { parseConfig } from './parse-config.ts';
import { optionsOf } from './read-config.ts';

const base = { help: 'what it does', group: 'Group:' };
const table = {
  count: { ...base, flag: 'count', type: 'integer', default: 3 },
  rate: { ...base, flag: 'rate', type: 'number', min: 0 },
  time: { ...base, flag: 'time', type: 'duration' },
  steps: { ...base, flag: 'steps', type: 'integer' },
  name: { ...base, flag: 'name', type: 'text', placeholder: 'FILE' },
  files: { ...base, flag: 'files', type: 'texts', placeholder: 'FILE' },
  cuts: { ...base, flag: 'cuts', type: 'integers', group: 'Other:' },
  loud: { ...base, flag: 'loud', type: 'switch', group: 'Other:' },
} as const satisfies OptionTable;

describe('what was typed', () => {
  it('stands over what a file says, and undefined is not typed', () => {
    const file = new Map<string, unknown>([
      ['count', 5],
      ['rate', 2],
    ]);
    const { values, origins } = flagsOverFile({ count: 7, rate: undefined, loud: false }, file);
    expect(values).toEqual({ count: 7, rate: 2, loud: false });
    expect(Object.fromEntries(origins)).toEqual({ count: 'flag', rate: 'file', loud: 'flag' });
  });

  it('of options that go together takes the place of all of them in the file', () => {
    const file = new Map<string, unknown>([
      ['time', 90],
      ['rate', 2],
    ]);
    const { values, origins } = flagsOverFile({ steps: 7 }, file, ['time', 'steps']);
    expect(values).toEqual({ steps: 7, rate: 2 });
    expect(Object.fromEntries(origins)).toEqual({ steps: 'flag', rate: 'file' });
    expect(flagsOverFile({}, file, ['time', 'steps']).values).toEqual({ time: 90, rate: 2 });
  });
});

it('all options are shown in their groups, defaults behind a #, the others with where they come from', () => {
  const values = {
    count: 3,
    rate: 0.5,
    time: 90,
    cuts: [1, 2],
    loud: false,
    name: 'a"\u001b\u009b',
  };
  const options = withOrigins(
    table,
    values,
    new Map([['name', 'flag']]),
    new Map([
      ['rate', 'rule'],
      ['name', 'preset'],
      ['time', 'preset'],
    ]),
  );
  expect(configText('train', table, options)).toEqual([
    '# What gru-lm train runs with, as --config takes it.',
    '# Lines behind a # are defaults.',
    '',
    '# Group:',
    '# count = 3',
    'rate = 0.5                         # rule',
    'time = "90s"                       # preset',
    '# steps: not set',
    'name = "a\\"\\u001b\\u009b"           # flag',
    '# files: not set',
    '',
    '# Other:',
    '# cuts = [ 1, 2 ]',
    '# loud = false',
  ]);
});

it('what is shown is read back as it was, whatever it is', () => {
  const text = fc.string({ minLength: 1, unit: 'grapheme-composite' });
  const values = fc.record(
    {
      count: fc.maxSafeInteger(),
      rate: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      time: fc.integer({ min: 1, max: 1e6 }),
      name: text,
      files: fc.array(text),
      cuts: fc.constantFrom([1], [3, 70]),
      loud: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(values, (given) => {
      const origins = new Map(Object.keys(given).map((name) => [name, 'flag'] as const));
      const lines = configText('train', table, withOrigins(table, given, origins));
      expect(lines.join('\n')).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
      const read = optionsOf(parseConfig(lines.join('\n'), 'a.toml'), table);
      expect(Object.fromEntries(read)).toEqual(given);
    }),
  );
});
