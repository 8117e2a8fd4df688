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
    ['{"a":[{"__proto__":{"polluted":true}}]}', 'f: expected "a[0].__proto__" to be absent'],
    ['{"a":{"b":[0,1e999]}}', 'f: expected "a.b[1]" to be a number that a double can hold'],
    [`{"a":${'['.repeat(1e6)}`, 'f: expected at most 64 levels of objects and arrays'],
    [`[${'{},'.repeat(1e6)}{}]`, 'f: expected values that take at most'],
    ['[]', 'f: expected a JSON object, found []'],
    ['null', 'f: expected a JSON object, found null'],
  ])('refuses to read %s', (text, message) => {
    expect(() => decodeJsonObject(Buffer.from(text), 'f')).toThrow(message);
  });

  it('takes keys that objects have of their own as any others', () => {
    const text = '{"constructor":{"prototype":{"x":1}},"toString":2,"hasOwnProperty":3}';
    expect(decodeJsonObject(Buffer.from(text), 'f')).toEqual(JSON.parse(text));
    expect({}).not.toHaveProperty('x');
  });

  it('takes the key __proto__ in a vocabulary, as a key', () => {
    const json = decodeJsonObject(Buffer.from('{"__proto__":{"x":1}}'), 'f', {
      keysAreTokens: true,
    });
    expect(Object.keys(json)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype);
  });

  it('takes a text that is long because it says much', () => {
    const words = Array.from({ length: 1e6 }, (_, i) => String.fromCodePoint(0x20000 + (i % 1e4)));
    expect(decodeJson(encodeJson(words, 'x'), 'f', { keysAreTokens: true })).toHaveLength(1e6);
    const entry = { step: 1, epoch: 0, learningRate: 0.001, trainLoss: 1.5, validLoss: 1.25 };
    const history = Array(2e5).fill(entry);
    expect(decodeJson(encodeJson(history, 'x'), 'f')).toHaveLength(2e5);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => decodeJson(Buffer.from([0x22, 0xff, 0x22]), 'f')).toThrow('f: expected JSON');
  });
});
