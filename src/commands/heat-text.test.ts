import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { heatLegend, heatLines } from './heat-text.ts';

const words = (text: string) =>
  text.split(' ').map((word, i) => ({ lead: i === 0 ? '' : ' ', text: word }));
const letters = (text: string) => Array.from(text, (text) => ({ lead: '', text }));
const fields = ['0', '1', '2', '3', '4', '5'].map((level) => (text: string) => `[${level}${text}]`);

describe('a text with its surprises', () => {
  it('has a mark under each token: the nats that it has at least', () => {
    const surprises = Float32Array.of(Number.NaN, 0.49, 0.5, 1.99, 2, 7.9, 8);
    const lines = heatLines(words('one two three four five six seven'), surprises, 80, undefined);
    expect(lines).toEqual(['one two three four five six seven', '    ·   ½     1    2    4   8']);
  });

  it('has a field of colour for each token instead, and none for the first', () => {
    const surprises = Float32Array.of(Number.NaN, 0, 3, 9);
    const lines = heatLines(words('a b c d'), surprises, 80, fields);
    expect(lines).toEqual(['a [0b] [3c] [5d]']);
  });

  it('breaks lines where they end, at spaces, or anywhere', () => {
    const flat = (text: string, columns: number) =>
      heatLines(letters(text), new Float32Array(text.length), columns, undefined).filter(
        (_, i) => i % 2 === 0,
      );
    expect(flat('ab\ncd', 80)).toEqual(['ab␊', 'cd']);
    expect(flat('the quick brown fox', 12)).toEqual(['the quick ', 'brown fox']);
    expect(flat('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(heatLines(words('aa bb cc'), new Float32Array(3), 6, undefined)).toEqual([
      ...['aa bb', '·  ·', 'cc', '·'],
    ]);
    expect(heatLines(words('a elephantine'), new Float32Array(2), 5, undefined)).toEqual([
      ...['a', '·', 'eleph', '·', 'antin', '·', 'e', '·'],
    ]);
  });

  it('breaks before a long token that would not fit behind the last space', () => {
    const tokens = ['a'.repeat(19), ' ', 'b'.repeat(13), '='.repeat(28)];
    const texts = tokens.map((text) => ({ lead: '', text }));
    const lines = heatLines(texts, new Float32Array(4), 40, undefined);
    expect(lines.filter((_, i) => i % 2 === 0)).toEqual([
      `${'a'.repeat(19)} ${'b'.repeat(13)}`,
      '='.repeat(28),
    ]);
  });

  it('gives wide characters two columns, and those without one a place to stand', () => {
    const lines = heatLines(letters('漢字a\u0301\t'), new Float32Array(5).fill(1), 6, undefined);
    expect(lines).toEqual(['漢字a\u25cc\u0301', '1 1 11', '␉', '1']);
  });

  it('loses no character and passes no line’s end, whatever the width', () => {
    const token = fc.string({
      unit: fc.constantFrom('a', 'a', 'a', ' ', '漢', 'é', '\n'),
      minLength: 1,
      maxLength: 12,
    });
    const texts = fc.oneof(
      fc.array(token, { minLength: 1, maxLength: 20 }),
      fc.array(fc.constantFrom('a', ' ', '漢', 'é', '\n'), { minLength: 1, maxLength: 60 }),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 2, max: 20 }), (texts, columns) => {
        const tokens = texts.map((text) => ({ lead: '', text }));
        const lines = heatLines(tokens, new Float32Array(tokens.length), columns, undefined);
        const shown = lines.filter((_, i) => i % 2 === 0);
        expect(shown.join('')).toBe(texts.join('').replaceAll('\n', '␊'));
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it('says what marks and colours mean', () => {
    expect(heatLegend(undefined)).toBe('under each token: at least ½, 1, 2, 4, 8 nats; · fewer');
    expect(heatLegend(fields)).toBe('nats [0 <½ ][1 ½–1 ][2 1–2 ][3 2–4 ][4 4–8 ][5 ≥8 ]');
  });
});
