import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { parseConfig } from './parse-config.ts';

/** The message of what is wrong with a file. */
function complaint(name: string, text: string): string {
  try {
    parseConfig(text, name);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).code).toBe('config-file');
    return (error as UserError).message;
  }
  throw new Error('it was taken');
}

const TEXTS = {
  'a.toml':
    '# sizes\nhidden = 256\ncuts = [\n  1,\n  2,\n]\n"word-split" = "unicode"\ntied = true\n',
  'a.yaml': '# sizes\nhidden: 256\ncuts:\n  - 1\n  - 2\n\n"word-split": unicode\ntied: true\n',
  'a.yml': '\nhidden: 256\ncuts: [1,\n 2]\n\n\nword-split: unicode\ntied: true\n',
  'a.json': '{\n"hidden": 256,\n"cuts": [\n 1, 2\n\t],\n\n"word-split": "unicode", "tied": true}',
};

describe('a config file', () => {
  it.each(Object.entries(TEXTS))(
    '%s gives names and values, and on which lines they stand',
    (name, text) => {
      const file = parseConfig(text, name);
      expect(Object.fromEntries(file.entries)).toEqual({
        hidden: 256,
        cuts: [1, 2],
        'word-split': 'unicode',
        tied: true,
      });
      expect(file.lineOf('hidden')).toBe(2);
      expect(file.lineOf('word-split')).toBe(7);
      expect(file.lineOf('other')).toBeUndefined();
    },
  );

  it.each(['a.toml', 'a.yaml', 'A.YML'])('%s may be empty', (name) => {
    expect(parseConfig('# nothing\n', name).entries.size).toBe(0);
  });

  it('is known by its ending alone', () => {
    expect(complaint('config.ini', 'a = 1')).toBe(
      'config.ini: expected a name that ends in .toml, .yaml, .yml, .json, found another',
    );
  });

  it.each([
    [
      'a.toml',
      'a = 1\nb =\n',
      'a.toml, line 2: expected TOML, found something else: invalid value',
    ],
    [
      'a.toml',
      'a = 1\na = 2',
      'a.toml, line 2: expected TOML, found something else: trying to redefine',
    ],
    ['a.yaml', 'a: 1\nb: [', 'a.yaml, line 2: expected YAML, found something else: Flow sequence'],
    [
      'a.yaml',
      'a: 1\na: 2',
      'a.yaml, line 2: expected YAML, found something else: Map keys must be unique',
    ],
    [
      'a.yaml',
      'a: !odd 1',
      'a.yaml, line 1: expected YAML, found something else: Unresolved tag: !odd',
    ],
    [
      'a.yaml',
      'a: 1\n---\nb: 2',
      'a.yaml, line 2: expected YAML, found something else: Source contains',
    ],
    ['a.yaml', 'a: *b', 'a.yaml: expected YAML, found something else: Unresolved alias'],
    [
      'a.yaml',
      '1: 2',
      'a.yaml, line 1: expected keys that are names, found something else: the key 1',
    ],
    ['a.yaml', '- 1', 'a.yaml: expected names of options with their values, found something else'],
    ['a.json', '[1]', 'a.json: expected names of options with their values, found something else'],
    ['a.json', '{"a": 1,}', 'a.json: expected JSON, found something else: '],
    ['a.json', '', 'a.json: expected JSON, found something else: Unexpected end of JSON input'],
    [
      'a.json',
      '{"a": 1,\n"a": 2}',
      'a.json, line 2: expected YAML, found something else: Map keys must be unique',
    ],
  ])('%s with %j is refused: %s', (name, text, expected) => {
    expect(complaint(name, text).slice(0, expected.length)).toBe(expected);
  });

  it('that grows by aliases is refused before it has', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++) {
      lines.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    }
    expect(complaint('a.yaml', lines.join('\n'))).toMatch(/Excessive alias count/);
  });

  it.each([
    ['a.toml', '__proto__ = {x = 1}\nconstructor = 2'],
    ['b.toml', '[__proto__]\nx = 1\n[constructor]'],
    ['a.yaml', '__proto__: {x: 1}\nconstructor: 2'],
    ['a.json', '{"__proto__": {"x": 1}, "constructor": 2}'],
  ])(
    '%s with keys that every object has sets no prototype, and keeps them as keys',
    (name, text) => {
      const { entries } = parseConfig(text, name);
      expect([...entries.keys()]).toEqual(['__proto__', 'constructor']);
      expect(({} as { x?: number }).x).toBeUndefined();
    },
  );

  it('in JSON says the same as JSON.parse, whatever it holds', () => {
    const values = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()));
    fc.assert(
      fc.property(values, fc.constantFrom(0, 1, '\t'), (object, indent) => {
        const text = JSON.stringify(object, null, indent);
        const parsed = new Map(Object.entries(JSON.parse(text)));
        expect(parseConfig(text, 'a.json').entries).toEqual(parsed);
      }),
    );
  });
});
