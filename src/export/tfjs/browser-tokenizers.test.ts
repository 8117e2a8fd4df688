/** What the browser's module makes of text, beside what gru-lm makes of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { browserModule } from '../../../test/support/browser-module.ts';
import { CHARACTER_RUNS } from '../../data/bpe/character-runs.ts';
import { BpeTokenizer } from '../../data/bpe/tokenizer.ts';
import { type Tokenizer, type TrainerOptions, trainTokenizer } from '../../data/tokenizer.ts';

const CORPUS = [
  "It's the king's, isn't it? We'll see; they've said so.\n\tTo be, or  not to be:\n\n",
  'Größe, naïve café, ΣΊΣΥΦΟΣ, İstanbul, Ångström. Здравствуй, мир! 123 4567 ½ ³.\n',
  '今日は世界。こんにちは ไทยภาษา 🙂👩‍👩‍👧‍👦 \u200b\u00a0\u3000\ufeff\u0085 end\r\n',
].join('');

function trained(options: Omit<TrainerOptions, 'kind'> & { kind: TrainerOptions['kind'] }) {
  return trainTokenizer(CORPUS.repeat(3), options);
}

const tokenizers: [string, Tokenizer][] = [
  ['char', trained({ kind: 'char' })],
  ['char, lowercase, documents', trained({ kind: 'char', lowercase: true, endOfText: true })],
  ['char of a few', trained({ kind: 'char', vocabularySize: 20 })],
  ['word', trained({ kind: 'word' })],
  ['word, lowercase, documents', trained({ kind: 'word', lowercase: true, endOfText: true })],
  ['word by Unicode’s rules', trained({ kind: 'word', wordSplit: 'unicode' })],
  [
    'word by Unicode’s rules, lowercase',
    trained({ kind: 'word', wordSplit: 'unicode', lowercase: true }),
  ],
  ['byte', trained({ kind: 'byte' })],
  ['bpe', trained({ kind: 'bpe', vocabularySize: 400 })],
  ['bpe, lowercase', trained({ kind: 'bpe', vocabularySize: 320, lowercase: true })],
];

/** Text of the corpus's pieces and of anything else, lone surrogates among it. */
const texts = fc
  .array(
    fc.oneof(
      fc.constantFrom(...(CORPUS.match(/\p{L}+|\s+|./gsu) as string[])),
      fc.constantFrom(' ', '  ', '\n', "'", "'ll", '<unk>', '<eol>', '<|endoftext|>', '\ud83d'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

/** What the module makes of the file that is exported. */
function inBrowser(tokenizer: Tokenizer) {
  const json: unknown = JSON.parse(JSON.stringify(tokenizer.toJSON()));
  return browserModule.tokenizerFrom(json, { characterClasses: CHARACTER_RUNS });
}

describe.each(tokenizers)('a tokenizer of %s in a browser', (_, ours) => {
  const theirs = inBrowser(ours);

  it('has as many tokens, and the same ones of special meaning', () => {
    expect(theirs.vocabularySize).toBe(ours.vocabularySize);
    expect(theirs.unknownId).toBe(ours.unknownId ?? -1);
    expect(theirs.endOfTextId).toBe(ours.endOfTextId ?? -1);
    expect(theirs.lowercase).toBe(ours.lowercase);
  });

  it('gives any text the same ids, and finds the same unknown piece', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(theirs.encode(text)).toEqual([...ours.encode(text)]);
        expect(theirs.findUnknown(text)).toBe(ours.findUnknown(text)?.piece);
      }),
      { numRuns: 300 },
    );
  });

  it('gives any ids the same text, piece by piece', () => {
    const ids = fc.array(fc.nat(ours.vocabularySize - 1), { maxLength: 40 });
    fc.assert(
      fc.property(ids, (some) => {
        const [found, expected] = [theirs.decoder(), ours.decoder()];
        for (const id of some) expect(found.push(id)).toBe(expected.push(id));
        expect(found.end()).toBe(expected.end());
        expect(browserModule.decode(theirs, some)).toBe(ours.decode(some));
      }),
      { numRuns: 300 },
    );
  });

  it('cuts what is very long where gru-lm does', () => {
    for (const text of ['é'.repeat(9000), ' \t'.repeat(8200), `a${'漢字'.repeat(3000)}`]) {
      expect(theirs.encode(text)).toEqual([...ours.encode(text)]);
    }
  });
});

it('reads merges that are written as one text each', () => {
  const json = JSON.parse(JSON.stringify(trained({ kind: 'bpe', vocabularySize: 300 }).toJSON()));
  const theirs = browserModule.tokenizerFrom(json, { characterClasses: CHARACTER_RUNS });
  json.model.merges = json.model.merges.map((pair: string[]) => pair.join(' '));
  const others = browserModule.tokenizerFrom(json, { characterClasses: CHARACTER_RUNS });
  expect(others.encode(CORPUS)).toEqual(theirs.encode(CORPUS));
});

it('ends a document at the special token that gru-lm takes for it', () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const names = ['</s>', '<|endoftext|>'];
  const specialTokens = new Map(names.map((name, i) => [256 + i, name]));
  const ours = new BpeTokenizer({
    tokens: [...tokens, ...names.map((name) => Buffer.from(name))],
    merges: [],
    specialTokens,
    lowercase: false,
  });
  const theirs = inBrowser(ours);
  expect(theirs.endOfTextId).toBe(ours.endOfTextId);
  expect(theirs.encode('</s>')).toEqual([...ours.encode('</s>')]);
});

it('takes as many tokens as the largest vocabularies have', () => {
  const vocab = Object.fromEntries(Array.from({ length: 200_000 }, (_, id) => [`t${id}`, id]));
  const added = [{ id: 200_000, content: '</s>' }];
  const json = { added_tokens: added, model: { type: 'BPE', vocab, merges: [] } };
  expect(browserModule.tokenizerFrom(json).vocabularySize).toBe(200_001);
});

it('refuses a tokenizer that it does not have', () => {
  expect(() => browserModule.tokenizerFrom({ kind: 'other' })).toThrow(
    'expected a tokenizer of char, word, bpe or byte, found other',
  );
});
