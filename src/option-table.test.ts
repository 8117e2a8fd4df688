import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from './errors.ts';
import {
  flagHelp,
  flagsOf,
  flagUsage,
  givenValue,
  type OptionTable,
  parseOption,
  parseStored,
  withDefaults,
} from './option-table.ts';

const base = { help: 'what it does', group: 'Group:' };
const table = {
  count: { ...base, flag: 'count', type: 'integer', min: 1, max: 9, default: 3 },
  share: { ...base, flag: 'share', type: 'number', above: 0, below: 1 },
  rate: { ...base, flag: 'rate', type: 'number' },
  time: { ...base, flag: 'time', type: 'duration', default: 150 },
  kind: { ...base, flag: 'kind', type: 'choice', choices: ['char', 'word'], default: 'char' },
  name: { ...base, flag: 'name', type: 'text', placeholder: 'FILE' },
  files: { ...base, flag: 'files', type: 'texts', placeholder: 'FILE' },
  ends: { ...base, flag: 'ends', type: 'texts', placeholder: 'TEXT', oneAFlag: true },
  cuts: { ...base, flag: 'cuts', type: 'integers' },
  loud: { ...base, flag: 'loud', type: 'switch' },
  brief: { ...base, flag: 'brief', type: 'switch', letter: 'b' },
} as const satisfies OptionTable;

/** The usage error of what was typed after a flag. */
function refusal(name: keyof typeof table, typed: string): { message: string; hint: string } {
  try {
    parseOption(table[name], typed);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { code, exitCode, message, hint } = error as UserError;
    expect([code, exitCode]).toEqual(['usage', 2]);
    return { message, hint: hint! };
  }
  throw new Error(`--${name} ${typed} was taken`);
}

describe('what is typed after a flag', () => {
  it.each([
    ['count', '1', 1],
    ['count', '9', 9],
    ['count', '1e0', 1],
    ['share', '0.5', 0.5],
    ['share', '.5', 0.5],
    ['rate', '-3e-4', -3e-4],
    ['time', '90s', 90],
    ['time', '1.5m', 90],
    ['time', '2h', 7200],
    ['kind', 'word', 'word'],
    ['name', 'a file', 'a file'],
    ['cuts', '7', [7]],
    ['cuts', '2, 9,10', [2, 9, 10]],
    ['loud', '', true],
  ] as const)('--%s %s becomes %s', (name, typed, value) => {
    expect(parseOption(table[name], typed)).toEqual(value);
  });

  it.each([
    '0',
    '10',
    '2.5',
    'NaN',
    'Infinity',
    'three',
    '',
    ' ',
    '3 4',
    '1_000',
    '9007199254740993',
  ])('--count %j is refused by saying what fits', (typed) => {
    expect(refusal('count', typed)).toEqual({
      message: `--count: expected a whole number at least 1 and at most 9, found ${typed}`,
      hint: 'Give --count a whole number at least 1 and at most 9.',
    });
  });

  it.each(['0', '1', '-0.5', 'NaN', 'half'])('--share %j is refused with its bounds', (typed) => {
    expect(refusal('share', typed).message).toBe(
      `--share: expected a number above 0 and below 1, found ${typed}`,
    );
  });

  it.each(['NaN', 'Infinity', '-Infinity', '1e999', 'much', ''])(
    '--rate %j is refused, though it has no bounds',
    (typed) => {
      expect(refusal('rate', typed).message).toBe(`--rate: expected a number, found ${typed}`);
    },
  );

  it.each(['90', '5 m', '-5m', '0s', '1d', 'm', '', '1e2s', '5min'])(
    '--time %j is refused',
    (typed) => {
      expect(refusal('time', typed)).toEqual({
        message: `--time: expected a time such as 90s, 5m or 2h, found ${typed}`,
        hint: 'Give --time a time such as 90s, 5m or 2h.',
      });
    },
  );

  it.each(['', '3,', '3,3', '5,2', '0,4', '1.5', 'two'])('--cuts %j is refused', (typed) => {
    expect(refusal('cuts', typed)).toEqual({
      message: `--cuts: expected increasing whole numbers above 0, such as 2000,10000, found ${typed}`,
      hint: 'Give --cuts increasing whole numbers above 0, such as 2000,10000.',
    });
  });

  it('that is none of the choices is refused with their names', () => {
    expect(refusal('kind', 'Char')).toEqual({
      message: '--kind: expected one of char, word, found Char',
      hint: 'Did you mean --kind char?',
    });
    expect(refusal('kind', 'picture')).toEqual({
      message: '--kind: expected one of char, word, found picture',
      hint: 'Give --kind one of char, word.',
    });
  });

  it('that is nothing is refused where a text is wanted', () => {
    expect(refusal('name', '')).toEqual({
      message: '--name: expected a file, found nothing',
      hint: 'Give --name a file.',
    });
    expect(refusal('files', '').message).toBe('--files: expected a file, found nothing');
  });

  it('comes back as the number that was written, or is refused, whatever the number', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const fits = Number.isInteger(value) && value >= 1 && value <= 9;
        if (fits) expect(parseOption(table.count, String(value))).toBe(value);
        else refusal('count', String(value));
      }),
    );
  });
});

describe('defaults', () => {
  it('stand where nothing is given; what has none is absent, switches are off', () => {
    expect(withDefaults(table)).toEqual({
      ...{ count: 3, time: 150, kind: 'char', loud: false, brief: false },
    });
  });

  it('give way to what is given, the later over the earlier, and not to undefined', () => {
    const values = withDefaults(
      table,
      { count: 5, kind: 'word' },
      { count: 7, loud: true, kind: undefined as never },
    );
    expect(values).toEqual({ count: 7, time: 150, kind: 'word', loud: true, brief: false });
  });
});

describe('stored values', () => {
  const damage = (stored: Record<string, unknown>) => {
    try {
      parseStored(table, stored, 'run/config.json');
    } catch (error) {
      expect((error as UserError).code).toBe('checkpoint-damaged');
      return (error as Error).message;
    }
    throw new Error('it was taken');
  };

  it('come back as they are, with defaults for what is missing or null', () => {
    const stored = {
      count: 9,
      share: 0.25,
      files: ['a', 'b'],
      cuts: [4, 6],
      loud: true,
      kind: null,
    };
    expect(parseStored(table, stored, 'x')).toEqual({
      count: 9,
      share: 0.25,
      files: ['a', 'b'],
      cuts: [4, 6],
      loud: true,
      kind: 'char',
      time: 150,
      brief: false,
    });
  });

  it('of names that the table lacks are left out', () => {
    expect(parseStored(table, { later: 1, toString: 2 }, 'x')).not.toHaveProperty('later');
  });

  it.each([
    [{ count: 0 }, '"count" to be a whole number at least 1 and at most 9, found 0'],
    [{ count: '3' }, '"count" to be a whole number at least 1 and at most 9, found "3"'],
    [{ count: 1.5 }, '"count" to be a whole number at least 1 and at most 9, found 1.5'],
    [{ share: 1 }, '"share" to be a number above 0 and below 1, found 1'],
    [{ rate: [] }, '"rate" to be a number, found []'],
    [{ time: -1 }, '"time" to be a time such as 90s, 5m or 2h, found -1'],
    [{ kind: 'byte' }, '"kind" to be one of char, word, found "byte"'],
    [{ name: 4 }, '"name" to be a text, found 4'],
    [{ files: ['a', 1] }, '"files" to be a list of texts, found ["a",1]'],
    [
      { cuts: [3, 3] },
      '"cuts" to be increasing whole numbers above 0, such as 2000,10000, found [3,3]',
    ],
    [{ loud: 'yes' }, '"loud" to be true or false, found "yes"'],
  ])('%j is refused by the name of the field', (stored, expected) => {
    expect(damage(stored)).toBe(`run/config.json: expected ${expected}`);
  });
});

describe('a value that a config file or a program gives', () => {
  it.each([
    ['count', 9],
    ['rate', -3e-4],
    ['kind', 'word'],
    ['name', 'a file'],
    ['files', ['a', 'b']],
    ['cuts', [2, 9]],
    ['loud', false],
    ['time', 90],
  ] as const)('of %s, %j, stays as it is', (name, value) => {
    expect(givenValue(table[name], value)).toEqual(value);
  });

  it('of a time may be what is typed', () => {
    expect(givenValue(table.time, '1.5m')).toBe(90);
  });

  it.each([
    ['count', '9'],
    ['count', 10],
    ['rate', Number.NaN],
    ['rate', Number.POSITIVE_INFINITY],
    ['kind', 'Char'],
    ['name', ''],
    ['name', null],
    ['files', 'a'],
    ['files', ['a', '']],
    ['cuts', [9, 2]],
    ['loud', 'true'],
    ['time', '90'],
    ['time', -1],
    ['time', Number.POSITIVE_INFINITY],
  ] as const)('of %s is not %j', (name, value) => {
    expect(givenValue(table[name], value)).toBeUndefined();
  });
});

describe('the help', () => {
  it('shows a flag with what stands for its value', () => {
    expect(Object.values(table).map(flagUsage)).toEqual([
      '--count <N>',
      '--share <F>',
      '--rate <F>',
      '--time <TIME>',
      '--kind <char|word>',
      '--name <FILE>',
      '--files <FILE...>',
      '--ends <TEXT>',
      '--cuts <N,N>',
      '--loud',
      '-b, --brief',
    ]);
  });

  it('adds the default, and the choices where the usage has no room for them', () => {
    expect(flagHelp(table.count)).toBe('what it does (default 3)');
    expect(flagHelp(table.time)).toBe('what it does (default 150s)');
    expect(flagHelp(table.rate)).toBe('what it does');
    expect(flagHelp({ ...table.count, defaultNote: 'by the text' })).toBe(
      'what it does (default by the text)',
    );
    const many = {
      ...base,
      flag: 'decay',
      type: 'choice',
      choices: ['none', 'linear', 'cosine', 'exponential'],
      default: 'none',
    } as const;
    expect(flagUsage(many)).toBe('--decay <NAME>');
    expect(flagHelp(many)).toBe('what it does (none, linear, cosine, exponential; default none)');
  });

  it('tells what to type for values, in the order of the table', () => {
    const values = { time: 90, loud: true, count: 2, kind: 'word', files: ['a', 'b'] } as const;
    expect(flagsOf(table, { ...values, files: [...values.files] })).toBe(
      '--count 2 --time 90s --kind word --files a b --loud',
    );
    expect(flagsOf(table, { time: 300, loud: false })).toBe('--time 5m');
    expect(flagsOf(table, { time: 7200 })).toBe('--time 2h');
    expect(flagsOf(table, { ends: ['a', 'b'] })).toBe('--ends a --ends b');
    const negatable = { loud: { ...table.loud, negatable: true } } as const;
    expect(flagsOf(negatable, { loud: false })).toBe('--no-loud');
  });
});
