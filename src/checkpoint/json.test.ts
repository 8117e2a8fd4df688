import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJson, decodeJsonObject, encodeJson } from './json.ts';

describe('JSON in files', () => {
  it('comes back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const expected = JSON.parse(JSON.stringify(value));
        fc.pre(!JSON.stringify(value).includes('__proto__'));
        expect(decodeJson(encodeJson(expected, 'x'), 'f')).toEqual(expected);
      }),
    );
  });

  it.each([
    [{ loss: Number.NaN }, 'history.loss, found NaN'],
    [[1, [Number.POSITIVE_INFINITY]], 'history[1][0], found Infinity'],
    [{ a: undefined }, 'history.a, found undefined'],
    [{ a: new Float32Array(1) }, 'history.a, found 0'],
    [{ a: 1n }, 'history.a, found 1'],
  ])('refuses to write %o, which would read back as something else', (value, message) => {
    expect(() => encodeJson(value, 'history')).toThrow(message);
  });

  it.each([
    ['{"a":1', 'f: expected JSON, found'],
    ['', 'f: expected JSON, found'],
    ['{"a":{"__proto__":{"polluted":true}}}', 'the key __proto__ is not allowed'],
    ['[]', 'f: expected a JSON object, found []'],
    ['null', 'f: expected a JSON object, found null'],
  ])('refuses to read %s', (text, message) => {
    expect(() => decodeJsonObject(Buffer.from(text), 'f')).toThrow(message);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => decodeJson(Buffer.from([0x22, 0xff, 0x22]), 'f')).toThrow('f: expected JSON');
  });
});
