import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { huggingFaceTokenizer } from '../data/bpe/tokenizer-file.ts';
import { cutChunks } from '../data/testing/cut-chunks.ts';
import { concatenated, TokenArray } from '../data/token-sequence.ts';
import { type Tokenizer, type TokenizerKind, trainTokenizer } from '../data/tokenizer.ts';
import { scoredSize, sizeOfLines } from './text-size.ts';

const TEXT = 'the cät sat\non  the mat\n\n';
const learn = (kind: TokenizerKind) =>
  trainTokenizer(TEXT.repeat(9), { kind, ...(kind === 'bpe' && { vocabularySize: 270 }) });

function textOf(tokenizer: Tokenizer, text: string) {
  const ids = tokenizer.encode(text);
  const characters = Array.from(text).length;
  const bytes = Buffer.byteLength(text);
  const sequence = new TokenArray(ids);
  const unknown = ids.filter((id) => id === tokenizer.unknownId).length;
  const part = { sequence, tokens: ids.length, unknown, characters, bytes, documents: 1 };
  return { part, chunks: () => cutChunks([text], 5) };
}

describe('the size of what is scored', () => {
  it('of characters and bytes is the text but for the first token', async () => {
    for (const kind of ['char', 'byte'] as const) {
      const tokenizer = learn(kind);
      expect(await scoredSize(textOf(tokenizer, TEXT), tokenizer)).toEqual({
        characters: 24,
        bytes: 25,
        words: 6 + 3, // "he" of the first word is left
      });
    }
  });

  it('of words leaves the first word out, and has as many words as tokens', async () => {
    const tokenizer = learn('word');
    const text = textOf(tokenizer, TEXT);
    const size = await scoredSize(text, tokenizer);
    expect(size).toEqual({ characters: 22, bytes: 23, words: 8 });
    expect(size.words).toBe(text.part.tokens - 1);
  });

  it('of a first token that is half a character leaves its bytes out', async () => {
    const tokenizer = learn('byte');
    const size = await scoredSize(textOf(tokenizer, 'äb c'), tokenizer);
    expect(size).toEqual({ characters: 3, bytes: 4, words: 2 });
  });

  it('counts the end of a document as it does a line end', async () => {
    const tokenizer = trainTokenizer('a b', { kind: 'word', endOfText: true });
    const [a, b] = ['a b', 'b'].map((text) => new TokenArray(tokenizer.encode(text)));
    const end = new TokenArray(Int32Array.of(tokenizer.endOfTextId!));
    const sequence = concatenated([a!, end, b!]);
    const part = { sequence, tokens: 4, unknown: 0, characters: 4, bytes: 4, documents: 2 };
    const text = { part, chunks: () => cutChunks(['a b', 'b']) };
    expect((await scoredSize(text, tokenizer)).words).toBe(3);
  });

  it('of words is the text’s where the model does not know them, with the spaces before them', async () => {
    const options = { kind: 'word', wordSplit: 'unicode' } as const;
    const tokenizer = trainTokenizer('the cat sat on the mat\n', options);
    const text = textOf(tokenizer, 'a dog saw two cats (large ones)\nthe cat ran\n');
    // But for "a", which is unknown and the first.
    expect((await scoredSize(text, tokenizer)).words).toBe(6 + 1 + 3 + 1);
    const streams = await scoredSize(text, tokenizer, { streams: 2 });
    // Each of its tokens is set off by a space: "(large ones)" is four words.
    expect(streams.words).toBe(6 + 6);
  });

  it('of words is the text’s where decoding tokens does not give their white space back', async () => {
    const json = {
      ...{ version: '1.0', truncation: null, padding: null, added_tokens: [] },
      ...{ normalizer: null, post_processor: null, decoder: { type: 'WordPiece', prefix: '##' } },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      model: {
        ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##' },
        ...{ max_input_chars_per_word: 9, vocab: {} as Record<string, number> },
      },
    };
    const pieces = ['[UNK]', 'it', "'", 's', 'a', 'cat', ',', '.', 'no', ':', 'dog'];
    for (const [id, piece] of pieces.entries()) json.model.vocab[piece] = id;
    const tokenizer = huggingFaceTokenizer(json);
    const text = textOf(tokenizer, "it's a cat, a dog.\nno: a dog.\n");
    // "it" is taken for the whole first word, as it is decoded.
    expect((await scoredSize(text, tokenizer)).words).toBe(8 + 2 - 1);
  });

  it('of streams is the sum of the streams’ own, for characters', async () => {
    const tokenizer = learn('char');
    const text = fc.string({ unit: fc.constantFrom(...'the cä\n'), minLength: 2, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (whole, asked) => {
        const characters = Array.from(whole);
        const streams = Math.min(asked, Math.floor(characters.length / 2));
        const length = Math.floor(characters.length / streams);
        const expected = { characters: 0, bytes: 0, words: 0 };
        for (let i = 0; i < streams; i++) {
          const own = characters.slice(i * length + 1, (i + 1) * length).join('');
          expected.characters += length - 1;
          expected.bytes += Buffer.byteLength(own);
          expected.words += (own.match(/\S+/g)?.length ?? 0) + own.split('\n').length - 1;
        }
        expect(await scoredSize(textOf(tokenizer, whole), tokenizer, { streams })).toEqual(
          expected,
        );
      }),
      { numRuns: 50 },
    );
  });

  it('of lines is all of them, each with its end', async () => {
    expect(await sizeOfLines(cutChunks(['the cät\n\nsat', 'on'], 3))).toEqual({
      lines: 4,
      characters: 8 + 1 + 4 + 3,
      bytes: 9 + 1 + 4 + 3,
      words: 4 + 4,
    });
  });
});
