import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHARACTER_CLASSES, LETTER, NUMBER, OTHER, WHITE_SPACE } from './character-classes.ts';
import { LONGEST_PRE_TOKEN, PreTokenizer } from './pre-tokenizer.ts';

/** GPT-2's pattern; white space is what Oniguruma's \s is, which JavaScript's is not. */
const PATTERN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The pre-tokens of text given in pieces, each as hexadecimal digits. */
function divide(pieces: Iterable<Uint8Array>): string[] {
  const found: string[] = [];
  const preTokenizer = new PreTokenizer({
    take(bytes, ends, count) {
      let start = 0;
      for (const end of ends.subarray(0, count)) {
        found.push(Buffer.from(bytes.subarray(start, end)).toString('hex'));
        start = end;
      }
    },
  });
  for (const piece of pieces) {
    preTokenizer.write(piece);
  }
  preTokenizer.end();
  return found;
}

function divideText(text: string): string[] {
  return divide([Buffer.from(text)]).map((hex) => Buffer.from(hex, 'hex').toString());
}

function* cut(bytes: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
  let start = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    const end = Math.min(Math.max(place, start), bytes.length);
    yield bytes.subarray(start, end);
    start = end;
  }
  yield bytes.subarray(start);
}

function scriptClass(character: string): number {
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{White_Space}/u.test(character) ? WHITE_SPACE : OTHER;
}

/** Characters whose class this Node's version of Unicode and the table's agree on. */
const character = fc
  .oneof(
    fc.constantFrom(...' \n\t\u0085\u00a0\u3000\ufeff\u180e'),
    fc.constantFrom(...'abé世१1½²!_\'"\0'),
    fc.constantFrom("'s", "'ll", "'r", "'re", "'ve", "'v", "'S", ' ', '  '),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  .filter((text) =>
    [...text].every((c) => (CHARACTER_CLASSES[c.codePointAt(0)!] ?? OTHER) === scriptClass(c)),
  );
const text = fc.array(character, { maxLength: 60 }).map((characters) => characters.join(''));
const places = fc.array(fc.nat(150), { maxLength: 12 });

describe('the pre-tokenizer', () => {
  it("finds what GPT-2's pattern finds, however the text is cut", () => {
    fc.assert(
      fc.property(text, places, (whole, cuts) => {
        const expected = (whole.match(PATTERN) ?? []).map((t) => Buffer.from(t).toString('hex'));
        const bytes = Buffer.from(whole);
        expect(divide([bytes])).toEqual(expected);
        expect(divide(cut(bytes, cuts))).toEqual(expected);
        expect(divide(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('loses no byte of what is not UTF-8, and divides it the same however it is cut', () => {
    const bytes = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(bytes, places, (whole, cuts) => {
        const found = divide([whole]);
        expect(found.join('')).toBe(Buffer.from(whole).toString('hex'));
        expect(divide(cut(whole, cuts))).toEqual(found);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a byte that belongs to no character for a sign', () => {
    const hex = (...pieces: string[]) => divide(pieces.map((piece) => Buffer.from(piece, 'hex')));
    expect(hex('61ff62')).toEqual(['61', 'ff', '62']);
    // A surrogate, an overlong form, and a character that the end of the text cuts.
    expect(hex('20eda08061')).toEqual(['20eda080', '61']);
    expect(hex('61c080c3')).toEqual(['61', 'c080c3']);
    expect(hex('61c3', 'a9')).toEqual(['61c3a9']);
    expect(hex('61f4908080')).toEqual(['61', 'f4908080']);
  });

  it('gives the last white space to what follows, if it is a space', () => {
    expect(divideText('  a   b\n\nc \t')).toEqual([' ', ' a', '  ', ' b', '\n', '\n', 'c', ' \t']);
    expect(divideText("don't 'tis 'S")).toEqual(['don', "'t", " '", 'tis', " '", 'S']);
  });

  it.each([
    ['letters', 'a', 1],
    ['characters of three bytes', '世', 3],
    ['signs', '-', 1],
    ['white space', '\n', 1],
    ['white space of three bytes', '\u3000', 3],
  ])('cuts %s at 16,384 bytes, however they come', (_, unit, length) => {
    const longest = Math.floor(LONGEST_PRE_TOKEN / length);
    const run = (count: number) => unit.repeat(count);
    const lengths = (whole: string, pieces: number) => {
      const bytes = Buffer.from(whole);
      const size = Math.ceil(bytes.length / pieces);
      const cuts = Array.from({ length: pieces - 1 }, (_, i) => (i + 1) * size);
      return divide(cut(bytes, cuts)).map((hex) => hex.length / 2 / length);
    };
    for (const pieces of [1, 2, 7, 1000]) {
      expect(lengths(run(longest), pieces)).toEqual([longest]);
      expect(lengths(run(3 * longest + 5), pieces)).toEqual([longest, longest, longest, 5]);
    }
  });

  it('has classes that differ from those of this Node only where Unicode is older or newer', () => {
    const differences = Array.from(CHARACTER_CLASSES, (found, codePoint) => ({ found, codePoint }))
      .filter(({ codePoint }) => codePoint < 0xd800 || codePoint > 0xdfff)
      .filter(({ found, codePoint }) => found !== scriptClass(String.fromCodePoint(codePoint)));
    // What is assigned in one version is never another kind of character in the next.
    for (const { found, codePoint } of differences) {
      const other = scriptClass(String.fromCodePoint(codePoint));
      expect(found === OTHER || other === OTHER, `U+${codePoint.toString(16)}`).toBe(true);
    }
    const classOf = (c: string) => CHARACTER_CLASSES[c.codePointAt(0)!];
    expect([...' \u0085\u3000'].map(classOf)).toEqual([WHITE_SPACE, WHITE_SPACE, WHITE_SPACE]);
    expect([...'\u180e\u200b\ufeff\u001c'].map(classOf)).toEqual([OTHER, OTHER, OTHER, OTHER]);
  });
});
