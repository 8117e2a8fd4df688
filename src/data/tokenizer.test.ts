import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { createTrainer, tokenizerFromJson } from './tokenizer.ts';

const char = { format: 'gru-lm-tokenizer', version: 1, kind: 'char', lowercase: false };
const word = { ...char, kind: 'word' };
const pieces = { ...word, wordSplit: 'unicode' };

describe('tokenizerFromJson', () => {
  it.each([
    [null, 'format'],
    ['char', 'format'],
    [{ ...char, format: 'x' }, 'format'],
    [{ ...char, version: 0 }, 'version'],
    [{ ...char, tokens: ['<unk>'], lowercase: 'no' }, 'lowercase'],
    [{ ...char, tokens: 'abc' }, 'tokens'],
    [{ ...char, kind: 'toString', tokens: [] }, 'kind'],
    [JSON.parse('{ "__proto__": { "format": "gru-lm-tokenizer" } }'), 'format'],
    [{ ...char, tokens: [] }, 'tokens[-1]'],
    [{ ...char, tokens: ['a', 'b'] }, 'tokens[1]'],
    [{ ...char, tokens: ['b', 'a', '<unk>'] }, 'tokens[1]'],
    [{ ...char, tokens: ['a', 'a', '<unk>'] }, 'tokens[1]'],
    [{ ...char, tokens: ['ab', '<unk>'] }, 'tokens[0]'],
    [{ ...char, tokens: ['', '<unk>'] }, 'tokens[0]'],
    [{ ...char, tokens: [7, '<unk>'] }, 'tokens[0]'],
    [{ ...char, tokens: ['\ud800', '<unk>'] }, 'tokens[0]'],
    [{ ...char, tokens: ['<|endoftext|>'] }, 'tokens[-1]'],
    [{ ...char, tokens: ['a', '<|endoftext|>'] }, 'tokens[0]'],
    [{ ...char, tokens: ['<|endoftext|>', '<unk>'] }, 'tokens[0]'],
    [{ ...word, tokens: ['<unk>'] }, 'tokens[1]'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a b'] }, 'tokens[2]'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a', 'a'] }, 'tokens[3]'],
    [{ ...word, tokens: ['<unk>', '<eol>', '<unk>'] }, 'tokens[2]'],
    [{ ...word, tokens: ['<unk>', '<eol>', null] }, 'tokens[2]'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a\udc00'] }, 'tokens[2]'],
    [{ ...word, tokens: ['<unk>', '<eol>', '<|endoftext|>', 'a', '<|endoftext|>'] }, 'tokens[4]'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a'], wordSplit: 'words' }, 'wordSplit'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a'], wordSplit: null }, 'wordSplit'],
    [{ ...pieces, tokens: ['<unk>', '<eol>', ' a', ''] }, 'tokens[3]'],
    [{ ...pieces, tokens: ['<unk>', '<eol>', ' a', 'a\n'] }, 'tokens[3]'],
    [{ ...pieces, tokens: ['<unk>', '<eol>', ' a', ' a'] }, 'tokens[3]'],
  ])('refuses %j, naming %s', (json, field) => {
    expect(() => tokenizerFromJson(json)).toThrow(UserError);
    expect(() => tokenizerFromJson(json)).toThrow(`tokenizer: expected "${field}" to be`);
  });

  it('reads long vocabularies in a time that grows with their length', () => {
    const many = Array.from({ length: 300_000 }, (_, i) => `w${i}`);
    const tokenizer = tokenizerFromJson({ ...word, tokens: ['<unk>', '<eol>', ...many] });
    expect([...tokenizer.encode('w299999 w0 w300000')]).toEqual([300_001, 2, 0]);
  });

  it('asks for a newer gru-lm where the format is newer', () => {
    const newer = () => tokenizerFromJson({ ...char, version: 2, tokens: [] });
    expect(newer).toThrow('tokenizer: expected format version 1, found 2');
    expect(newer).toThrow(expect.objectContaining({ code: 'checkpoint-version' }));
  });
});

describe('createTrainer', () => {
  it('has a trainer for every kind of vocabulary that is counted', () => {
    for (const kind of ['char', 'word', 'byte'] as const) {
      const trainer = createTrainer({ kind });
      trainer.write(Buffer.from('a b'));
      trainer.endDocument();
      expect(trainer.finish().kind).toBe(kind);
      expect(trainer.notices).toEqual([]);
    }
  });
});
