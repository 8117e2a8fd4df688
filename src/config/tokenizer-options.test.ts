import { describe, expect, test } from 'vitest';
import { assertTokenizerOptions } from './tokenizer-options.ts';

describe('options of tokenizers', () => {
  test('that fit are let through', () => {
    for (const given of [
      {},
      { lowercase: true, minCount: 2 },
      { tokenizer: 'word', wordSplit: 'unicode', vocabularySize: 100 },
      { tokenizer: 'bpe', vocabularySize: 1000, lowercase: true },
      { tokenizer: 'byte' },
      { tokenizerFile: 'tokenizer.json' },
    ] as const) {
      expect(() => assertTokenizerOptions(given)).not.toThrow();
    }
  });

  test('that would be ignored are refused by name', () => {
    expect(() => assertTokenizerOptions({ wordSplit: 'unicode' })).toThrow(
      'expected no --word-split with --tokenizer char, which has no use for it, found one',
    );
    expect(() => assertTokenizerOptions({ tokenizer: 'byte', vocabularySize: 300 })).toThrow(
      'expected no --vocab-size with --tokenizer byte',
    );
    expect(() => assertTokenizerOptions({ tokenizerFile: 'a.json', tokenizer: 'bpe' })).toThrow(
      'expected at most one of --tokenizer-file and --tokenizer, found both',
    );
  });
});
