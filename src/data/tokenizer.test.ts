import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { tokenizerFromJson } from './tokenizer.ts';

const char = { format: 'gru-lm-tokenizer', version: 1, kind: 'char', lowercase: false };
const word = { ...char, kind: 'word' };

describe('tokenizerFromJson', () => {
  it.each([
    [null, 'format'],
    ['char', 'format'],
    [{ ...char, format: 'x' }, 'format'],
    [{ ...char, version: 0 }, 'version'],
    [{ ...char, tokens: ['<unk>'], lowercase: 'no' }, 'lowercase'],
    [{ ...char, tokens: 'abc' }, 'tokens'],
    [{ ...char, kind: 'bpe', tokens: [] }, 'kind'],
    [{ ...char, tokens: [] }, 'tokens[-1]'],
    [{ ...char, tokens: ['a', 'b'] }, 'tokens[1]'],
    [{ ...char, tokens: ['b', 'a', '<unk>'] }, 'tokens[1]'],
    [{ ...char, tokens: ['a', 'a', '<unk>'] }, 'tokens[1]'],
    [{ ...char, tokens: ['ab', '<unk>'] }, 'tokens[0]'],
    [{ ...char, tokens: ['', '<unk>'] }, 'tokens[0]'],
    [{ ...char, tokens: [7, '<unk>'] }, 'tokens[0]'],
    [{ ...word, tokens: ['<unk>'] }, 'tokens[1]'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a b'] }, 'tokens[2]'],
    [{ ...word, tokens: ['<unk>', '<eol>', 'a', 'a'] }, 'tokens[3]'],
    [{ ...word, tokens: ['<unk>', '<eol>', '<unk>'] }, 'tokens[2]'],
    [{ ...word, tokens: ['<unk>', '<eol>', null] }, 'tokens[2]'],
  ])('refuses %j, naming %s', (json, field) => {
    expect(() => tokenizerFromJson(json)).toThrow(UserError);
    expect(() => tokenizerFromJson(json)).toThrow(`tokenizer: expected "${field}" to be`);
  });

  it('asks for a newer gru-lm where the format is newer', () => {
    const newer = () => tokenizerFromJson({ ...char, version: 2, tokens: [] });
    expect(newer).toThrow('tokenizer: expected format version 1, found 2');
    expect(newer).toThrow(expect.objectContaining({ code: 'checkpoint-version' }));
  });
});
