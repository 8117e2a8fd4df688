import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readTokenList } from './token-list.ts';
import { importedVocabulary, withRows } from './vocabulary.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-vocabulary-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function list(content: string): Promise<readonly string[]> {
  const path = join(directory, 'vocab');
  writeFileSync(path, content);
  const found = await readTokenList(path);
  return 'tokens' in found ? found.tokens : [found.tokenizer.kind];
}

const vocabulary = (tokens: string[], kind?: 'char' | 'word') =>
  importedVocabulary(tokens, 'vocab.json', { kind, lowercase: false });

describe('a list of tokens', () => {
  test('is an array, an object of ids, the itos of torchtext, or lines', async () => {
    const tokens = ['<unk>', 'the', '__proto__'];
    expect(await list(JSON.stringify(tokens))).toEqual(tokens);
    expect(await list('{"the": 1, "__proto__": 2, "<unk>": 0}')).toEqual(tokens);
    expect(await list(JSON.stringify({ stoi: {}, itos: tokens }))).toEqual(tokens);
    expect(await list(`${tokens.join('\r\n')}\r\n`)).toEqual(tokens);
    expect(await list('[UNK]\nthe\n')).toEqual(['[UNK]', 'the']);
    expect(await list('\n[UNK]\nthe')).toEqual(['', '[UNK]', 'the']);
  });

  test('may be a tokenizer.json', async () => {
    const { tokenizer } = vocabulary(['a', 'b']);
    expect(await list(JSON.stringify(tokenizer))).toEqual(['char']);
    // In this one the words are tokens.
    expect(await list('{"format": 0, "model": 1}')).toEqual(['format', 'model']);
  });

  test.each([
    ['{"a": 0, "b": 2}', 'expected the ids of 2 tokens to be 0 to 1, each once, found 2 for "b"'],
    ['{"a": 0, "b": 0}', 'expected the ids of 2 tokens to be 0 to 1, each once, found 0 for "b"'],
    ['{"a": "x"}', 'found "x" for "a"'],
    ['["a", 5]', 'expected the token 1 to be a text, found 5'],
  ])('is refused as %s', async (content, message) => {
    await expect(list(content)).rejects.toThrow(message);
  });
});

describe('words', () => {
  test('take the places of ours, special ones by any of their names', () => {
    const { tokenizer, rows, notices } = vocabulary(['the', '<eos>', 'fox', '[UNK]', '']);
    expect(tokenizer.toJSON().tokens).toEqual(['<unk>', '<eol>', 'the', 'fox', '<pad>']);
    expect([...rows]).toEqual([3, 1, 0, 2, 4]);
    expect(notices).toEqual([]);
    expect([...tokenizer.encode('the cat\n')]).toEqual([2, 0, 1]);
  });

  test('get what they lack, with a notice', () => {
    const { tokenizer, rows, notices } = vocabulary(['the', 'fox']);
    expect(tokenizer.vocabularySize).toBe(4);
    expect([...rows]).toEqual([-1, -1, 0, 1]);
    expect(notices).toEqual([
      'Added <unk> for unknown words: the model never predicts it, and reads it as zeros.',
      'Added <eol> for line ends: the model never predicts it, and reads it as zeros.',
    ]);
  });

  test('keep the end of a text', () => {
    const { tokenizer, rows } = vocabulary(['the', '<|endoftext|>', '<unk>', '<eol>']);
    expect(tokenizer.endOfTextId).toBe(2);
    expect([...rows]).toEqual([2, 3, 1, 0]);
  });

  test.each([
    [
      ['the fox', 'a'],
      'vocab.json: expected words without white space, found "the fox" with the id 0',
    ],
    [
      ['the', 'the'],
      'expected each token once, of which one is the token 0, found "the" with the id 1',
    ],
    [['the', '\n', '<eol>'], 'expected words without white space, found "\\n" with the id 1'],
  ])('are refused as %j', (tokens, message) => {
    expect(() => vocabulary(tokens, 'word')).toThrow(message);
  });
});

describe('characters', () => {
  test('are put in order, and what text never has is left out', () => {
    const { tokenizer, rows, notices } = vocabulary(['<pad>', 'b', '\n', '<unk>', 'a', '<eos>']);
    expect(tokenizer.kind).toBe('char');
    expect([...rows]).toEqual([2, 4, 1, 3, 5]);
    expect([...tokenizer.encode('ab\nc')]).toEqual([1, 2, 0, 3]);
    expect(notices).toEqual([
      'Left out "<pad>": no text has them, and now the model never predicts them.',
    ]);
  });

  test('cannot be words', () => {
    expect(() => vocabulary(['a', 'bc'], 'char')).toThrow(
      'vocab.json: expected single characters, found "bc" with the id 1',
    );
  });
});

test('each row of weights is where its token is', () => {
  const names = fc.uniqueArray(fc.constantFrom(...'abcdefgh', '<unk>', '\n', 'é', '😀'), {
    minLength: 1,
  });
  fc.assert(
    fc.property(names, (tokens) => {
      const { tokenizer, rows } = vocabulary(tokens, 'char');
      const values = Float32Array.from(tokens, (_, id) => id + 1);
      const weights = new Map([
        ['embedding.weight', { shape: [tokens.length, 1], data: values }],
        ['fc.bias', { shape: [tokens.length], data: values }],
        ['gru.bias_ih_l0', { shape: [tokens.length], data: values }],
      ]);
      const moved = withRows(weights, rows);
      const { tokens: ours } = tokenizer.toJSON() as unknown as { tokens: string[] };
      for (const [id, token] of ours.entries()) {
        const source = tokens.indexOf(token);
        expect(moved.get('embedding.weight')!.data[id]).toBe(source < 0 ? 0 : source + 1);
        expect(moved.get('fc.bias')!.data[id]).toBe(source < 0 ? -100 : source + 1);
      }
      expect(moved.get('embedding.weight')!.shape).toEqual([ours.length, 1]);
      expect(moved.get('gru.bias_ih_l0')!.data).toBe(values);
    }),
  );
});
