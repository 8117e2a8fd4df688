import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainTokenizer } from '../data/tokenizer.ts';
import { StopTexts, stopTextsFor } from './stop-texts.ts';

/** The text that comes out of pieces. */
function run(stops: string[], pieces: readonly string[]): string {
  const texts = new StopTexts(stops);
  let out = '';
  for (const piece of pieces) {
    const { text, stopped } = texts.push(piece);
    out += text;
    if (stopped) return out;
  }
  return out + texts.takeHeld();
}

const someText = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength });

describe('stop texts', () => {
  it('are in lowercase where all text of a model is, as it is read', () => {
    for (const kind of ['char', 'word', 'bpe'] as const) {
      const learn = (lowercase: boolean) =>
        trainTokenizer('Romeo and Juliet', {
          ...{ kind, lowercase },
          ...(kind === 'bpe' && { vocabularySize: 300 }),
        });
      expect(stopTextsFor(learn(true), ['JULIET:', 'ΟΔΟΣ'])).toEqual(['juliet:', 'οδοσ']);
      expect(stopTextsFor(learn(false), ['JULIET:'])).toEqual(['JULIET:']);
    }
    expect(stopTextsFor(trainTokenizer('', { kind: 'byte' }), ['A'])).toEqual(['A']);
    const uncased = { kind: 'file', lowercase: true } as const;
    expect(stopTextsFor(uncased, ['[UNK]', 'end'])).toEqual(['[UNK]', 'end', '[unk]']);
    expect(stopTextsFor(uncased, undefined)).toEqual([]);
  });

  it('end texts that are made in lowercase', () => {
    const tokenizer = trainTokenizer('Romeo and Juliet', { kind: 'word', lowercase: true });
    const stops = new StopTexts(stopTextsFor(tokenizer, ['AND']));
    expect(stops.push(tokenizer.decode(tokenizer.encode('Romeo AND Juliet')))).toEqual({
      text: 'romeo ',
      stopped: true,
    });
  });
});

describe('a text with stop texts', () => {
  it('ends before the one that is complete first, wherever pieces begin and end', () => {
    fc.assert(
      fc.property(
        fc.array(someText(4), { maxLength: 3 }),
        fc.array(fc.oneof(someText(5), fc.constant('')), { maxLength: 12 }),
        (stops, pieces) => {
          const whole = pieces.join('');
          // By characters: the first place at which the text so far ends with a stop text.
          const ends = [...whole].map((_, i) => whole.slice(0, i + 1));
          const end = ends.find((text) => stops.some((stop) => text.endsWith(stop)));
          const longest = Math.max(
            ...stops.filter((stop) => end?.endsWith(stop)).map(({ length }) => length),
          );
          const expected = end === undefined ? whole : end.slice(0, end.length - longest);
          expect(run(stops, pieces)).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is held back only as far as it may begin one of them', () => {
    const texts = new StopTexts(['end', 'dot.']);
    expect(texts.push('the e')).toEqual({ text: 'the ', stopped: false });
    expect(texts.push('n')).toEqual({ text: '', stopped: false });
    expect(texts.push('o do')).toEqual({ text: 'eno ', stopped: false });
    expect(texts.takeHeld()).toBe('do');
    expect(texts.takeHeld()).toBe('');
  });

  it('goes on with what was held back before', () => {
    expect(new StopTexts(['stop'], 'st').push('op now')).toEqual({ text: '', stopped: true });
    expect(new StopTexts(['other'], 'st').push('op now')).toEqual({
      text: 'stop now',
      stopped: false,
    });
  });
});
