import { expect, test } from 'vitest';
import type { DataRecord, RecordedSource } from '../data/record.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { textIdOf, tokenizerIdOf } from './scored-ids.ts';

const source = (content: string, name = 'a.txt'): RecordedSource => ({
  ...{ name, bytes: 4, sha256: content.repeat(64), fromRun: `../${name}` },
});
const record = (corpus: string, more: Partial<DataRecord> = {}): DataRecord => ({
  ...{ corpus: [source(corpus)], valid: [], test: [] },
  ...more,
});
const reading = { newlines: 'keep', textField: 'text', byBytes: false } as const;
const cut = { ...reading, validSplit: 0.1, testSplit: 0 };

test('a text is the same by its bytes, whatever it is called and stands beside', () => {
  const moved = { ...record('a'), corpus: [source('a', 'elsewhere/b.txt')] };
  expect(textIdOf(moved, 'valid', cut)).toBe(textIdOf(record('a'), 'valid', cut));
  const own = (corpus: string) => textIdOf(record(corpus, { valid: [source('v')] }), 'valid', cut);
  expect(own('a')).toBe(own('b'));
  const whole = { ...cut, validSplit: 0 };
  expect(textIdOf(record('v'), 'train', whole)).toBe(own('a'));
});

test('a test part is the same whatever validation takes', () => {
  const of = (more: object) => textIdOf(record('a'), 'test', { ...cut, testSplit: 0.1, ...more });
  expect(of({ validSplit: 0.05 })).toBe(of({}));
  expect(of({ testSplit: 0.2 })).not.toBe(of({}));
});

test('a text that is cut by default is the same as one that is cut so by name', () => {
  const { validSplit, ...byDefault } = cut;
  expect(textIdOf(record('a'), 'valid', byDefault)).toBe(textIdOf(record('a'), 'valid', cut));
  // Of a long text the default takes a million characters, not a tenth.
  const long = { ...record('a'), corpus: [{ ...source('a'), bytes: 2e7 }] };
  expect(textIdOf(long, 'valid', byDefault)).not.toBe(textIdOf(long, 'valid', cut));
});

test('it is another one of other bytes, of another part or share, and read in another way', () => {
  const ids = [
    textIdOf(record('a'), 'valid', cut),
    textIdOf(record('b'), 'valid', cut),
    textIdOf(record('a'), 'train', cut),
    textIdOf(record('a'), 'valid', { ...cut, validSplit: 0.2 }),
    textIdOf(record('a'), 'valid', { ...cut, testSplit: 0.1 }),
    textIdOf(record('a'), 'valid', { ...cut, newlines: 'lf' }),
    textIdOf(record('a'), 'valid', { ...cut, textField: 'body' }),
    textIdOf(record('a'), 'valid', { ...cut, encoding: 'latin1' }),
    textIdOf(record('a'), 'valid', { ...cut, byBytes: true }),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});

test('a whole text is the same whether it would be cut by bytes', () => {
  const whole = { ...cut, validSplit: 0 };
  const ids = [false, true].map((byBytes) => textIdOf(record('a'), 'train', { ...whole, byBytes }));
  expect(ids[0]).toBe(ids[1]);
});

test('tokenizers are the same where they do the same', () => {
  const ids = (['char', 'word'] as const).map((kind) =>
    tokenizerIdOf(trainTokenizer('to be or not', { kind })),
  );
  const again = trainTokenizer('not to be or', { kind: 'char' });
  expect(tokenizerIdOf(again)).toBe(ids[0]);
  expect(ids[1]).not.toBe(ids[0]);
  expect(tokenizerIdOf(trainTokenizer('to be', { kind: 'char' }))).not.toBe(ids[0]);
});
