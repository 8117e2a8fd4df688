import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import type { JsonValue } from './json.ts';
import { JsonField } from './json-field.ts';

const of = (text: string) => JsonField.ofFile(Buffer.from(text), 'f');

/** All that is at a place, read by the methods of its kind. */
function readAll(field: JsonField, value: JsonValue): unknown {
  if (value === null) return field.orNull(() => 'not null');
  if (typeof value === 'boolean') return field.flag();
  if (typeof value === 'number') return field.number();
  if (typeof value === 'string') return field.text();
  if (Array.isArray(value)) {
    let i = 0;
    return field.list((element) => readAll(element, value[i++]));
  }
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, element]) => [name, readAll(field.get(name), element)]),
  );
}

/** Whether the text is JSON, by the judgement of JavaScript. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('a JSON field', () => {
  it('gives all that JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const parsed = JSON.parse(text) as JsonValue;
        expect(readAll(of(` \n${text}\r\t`), parsed)).toEqual(parsed);
      }),
    );
  });

  it('takes for JSON what JSON.parse does, and nothing else', () => {
    const piece = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '"a"',
        '"a":',
        'null',
        'true',
        '-',
        '0',
        '1',
        '.',
      ],
      ...['e', '+', '5', ' ', '\n', '\u00a0', '\u0001', '\\u00e9', '\\x', 'é', '\ufeff', 'nul'],
    );
    let jsons = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        const text = pieces.join('');
        const result = (() => {
          try {
            of(text);
            return true;
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
            return false;
          }
        })();
        jsons += Number(result);
        expect(result).toBe(isJson(text));
      }),
      { numRuns: 20_000, seed: 1 },
    );
    expect(jsons).toBeGreaterThan(500);
  });

  it.each([
    [
      '{"a":{"b":[1,"x"]}}',
      (f: JsonField) =>
        f
          .get('a')
          .get('b')
          .list((e) => e.count()),
      '"a.b[1]"',
    ],
    ['{"a":1e999}', (f: JsonField) => f.get('a').number(), '"a" to be a number, found Infinity'],
    ['{"a":-1}', (f: JsonField) => f.get('a').number({ min: 0 }), '"a" to be a number at least 0'],
    ['{"a":9007199254740993}', (f: JsonField) => f.get('a').count(), '"a" to be a whole number'],
    ['{"a":"x\\u0007"}', (f: JsonField) => f.get('a').flag(), 'found "x\\u0007"'],
    [
      '{"a":1}',
      (f: JsonField) => f.get('toString').text(),
      '"toString" to be a text, found nothing',
    ],
    ['{"__proto__":{"a":1}}', (f: JsonField) => f.get('a').count(), '"a" to be a whole number'],
    ['[]', (f: JsonField) => f.get('a'), 'f: expected an object, found []'],
    [
      '[1,2,3]',
      (f: JsonField) => f.list((e) => e.count(), 4),
      'expected an array of 4, found [1,2,3]',
    ],
    [`"${'x'.repeat(2 ** 20)}"`, (f: JsonField) => f.text(), 'at most 1048576 bytes long'],
    [`["${'x'.repeat(2000)}"]`, (f: JsonField) => f.list((e) => e.flag()), 'found "…"'],
  ])('names the file and the place where %s is not as expected', (text, read, message) => {
    expect(() => read(of(text))).toThrow(UserError);
    expect(() => read(of(text))).toThrow(message);
    expect(() => read(of(text))).toThrow('f: expected ');
  });

  it.each([
    ['[1,]', 'something else at byte 3'],
    ['[1', 'an end in the middle of a value'],
    ['', 'an end in the middle of a value'],
    ['['.repeat(1e6), 'more than 64 levels at byte 64'],
    [`[${'1'.repeat(1e6)}]`, 'something else at byte 1'],
  ])('refuses what is no JSON, such as %.20s', (text, message) => {
    expect(() => of(text)).toThrow(`f: expected JSON, found ${message}`);
  });

  it('refuses bytes that are not UTF-8', () => {
    const read = () => JsonField.ofFile(Buffer.from([0x22, 0xff, 0x22]), 'f');
    expect(read).toThrow('f: expected JSON, found bytes that are not UTF-8');
  });
});
