import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBuffer } from '../token-buffer.ts';
import { BpeTrainer } from './trainer.ts';

const SAMPLE = `It isn't what it was; it was what it isn't.
Alle Menschen sind frei und gleich an Würde und Rechten geboren. 人人生而自由，在尊严和权利上一律平等。
	if (x == 10) { return 100; }   // 1000 …`;

function train(text: string, vocabularySize = 400) {
  const trainer = new BpeTrainer({ vocabularySize });
  trainer.write(Buffer.from(text));
  return trainer.finish();
}

const tokenizer = train(`${SAMPLE} ${SAMPLE} ${SAMPLE}`);
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom(...SAMPLE.split(' '), ' ', '\n', '\0', '\u0001', '\u{10ffff}'))
    .map((words) => words.join(' ')),
);

function encodeBytes(pieces: Iterable<Uint8Array>): Int32Array {
  const encoder = tokenizer.encoder();
  const out = new TokenBuffer();
  for (const piece of pieces) {
    encoder.write(piece, out);
  }
  encoder.end(out);
  return out.view().slice();
}

describe('the byte-level BPE tokenizer', () => {
  it('gives back every text, whole and streamed, without half a character', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        const decoder = tokenizer.decoder();
        const pieces = [...Array.from(ids, (id) => decoder.push(id)), decoder.end()];
        expect(pieces.join('')).toBe(text);
        expect(pieces.every((piece) => Buffer.from(piece).toString() === piece)).toBe(true);
        expect(tokenizer.findUnknown()).toBeUndefined();
      }),
    );
  });

  it('gives back all bytes, also those that are no text, and the same ids however they come', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          anyText.map((text) => Buffer.from(text)),
        ),
        fc.integer({ min: 1, max: 9 }),
        (bytes, size) => {
          const ids = encodeBytes([bytes]);
          expect(Buffer.compare(tokenizer.decodeBytes(ids), bytes)).toBe(0);
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
            bytes.subarray(i * size, (i + 1) * size),
          );
          expect(encodeBytes(pieces)).toEqual(ids);
        },
      ),
    );
  });

  it('encodes one text after another as each alone', () => {
    const encoder = tokenizer.encoder();
    const out = new TokenBuffer();
    for (const text of ['a ', ' b', 'it was', 'it was']) {
      out.clear();
      encoder.write(Buffer.from(text), out);
      encoder.end(out);
      expect(out.view()).toEqual(tokenizer.encode(text));
    }
  });

  it('takes a lone surrogate, which no file can hold, for U+FFFD', () => {
    expect(tokenizer.decode(tokenizer.encode('a\ud800b'))).toBe('a\ufffdb');
  });

  it('holds half a character back until it is whole, or can be none', () => {
    const [first, second, third] = [...Buffer.from('€')].map(
      (byte) => encodeBytes([Uint8Array.of(byte)])[0]!,
    );
    const decoder = tokenizer.decoder();
    expect([first!, second!, third!].map((id) => decoder.push(id))).toEqual(['', '', '€']);
    expect([first!, second!, tokenizer.encode('a')[0]!].map((id) => decoder.push(id))).toEqual([
      '',
      '',
      '\ufffda',
    ]);
    expect([decoder.push(first!), decoder.push(tokenizer.endOfTextId!), decoder.end()]).toEqual([
      '',
      '\ufffd',
      '',
    ]);
    expect([decoder.push(first!), decoder.end(), decoder.end()]).toEqual(['', '\ufffd', '']);
  });

  it('gives a byte-order mark back', () => {
    expect(tokenizer.decode(tokenizer.encode('\ufeffa\ufeff'))).toBe('\ufeffa\ufeff');
  });

  it('encodes the name of a special token as any other text', () => {
    const ids = tokenizer.encode('a<|endoftext|>b');
    expect(ids).not.toContain(tokenizer.endOfTextId);
    expect(tokenizer.decode(ids)).toBe('a<|endoftext|>b');
    expect(tokenizer.decode([tokenizer.endOfTextId!])).toBe('');
    expect(tokenizer.decodeBytes([tokenizer.endOfTextId!]).length).toBe(0);
  });

  it('shows whole characters as they are, and other bytes in hexadecimal digits', () => {
    const shown = (bytes: number[]) => tokenizer.token(encodeBytes([Uint8Array.from(bytes)])[0]!);
    expect([[0x41], [0x0a], [0x20], [0x80], [0xff]].map(shown)).toEqual([
      'A',
      '\\n',
      ' ',
      '\\x80',
      '\\xff',
    ]);
    const tokens = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.token(id));
    expect(tokens).toContain('人');
    expect(tokens).toContain('\\xe4');
  });

  it('refuses ids outside the vocabulary', () => {
    expect(() => tokenizer.decode([tokenizer.vocabularySize])).toThrow(RangeError);
    expect(() => tokenizer.token(-1)).toThrow(RangeError);
    expect(() => tokenizer.decoder().push(0.5)).toThrow(RangeError);
  });

  it('is read by @huggingface/tokenizers, which gives the same ids', () => {
    const json = JSON.parse(JSON.stringify(tokenizer)) as object;
    const other = new HuggingFaceTokenizer(json, { clean_up_tokenization_spaces: false });
    // Its \s is JavaScript's, which differs from Oniguruma's in these; and it finds special tokens.
    const known = anyText.filter((text) => !/[\u0085\ufeff]|<\|endoftext\|>/.test(text));
    fc.assert(
      fc.property(known, (text) => {
        expect([...tokenizer.encode(text)]).toEqual(other.encode(text).ids);
      }),
    );
  });
});
