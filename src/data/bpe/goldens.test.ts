import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import type { BpeTokenizer } from './tokenizer.ts';
import { BpeTrainer } from './trainer.ts';

/** What Python's tokenizers gives; `test/goldens/bpe-goldens.py` says how. */
interface Encoded {
  readonly [text: string]: { readonly tokens: number; readonly sha256: string };
}
interface Golden {
  readonly corpus: string;
  readonly vocabularySize: number;
  readonly minCount: number;
  readonly lowercase: boolean;
  readonly byLine: boolean;
  readonly merges: number;
  readonly firstMerges: readonly string[][];
  readonly lastMerges: readonly string[][];
  readonly mergesSha256: string;
  readonly encoded: Encoded;
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'));
const goldens = fixture('goldens') as { cases: Golden[]; written: Encoded };
const corpus = (name: string) =>
  readFileSync(new URL(`../../../corpora/${name}.txt`, import.meta.url));

function everyCodePoint(): string {
  const before = ['a', '1', '!', ' ', '\n', "'"];
  const pieces: string[] = [];
  for (let c = 0; c < 0x110000; c += 1) {
    if (c < 0xd800 || c > 0xdfff) {
      pieces.push(before[c % before.length]! + String.fromCodePoint(c));
    }
  }
  return pieces.join('');
}

const corpora = new Map(
  Object.keys(goldens.cases[0]!.encoded).map((name) => [name, corpus(name).toString()]),
);

function encodeAll(tokenizer: BpeTokenizer, texts = corpora): Encoded {
  const encoded = Array.from(texts, ([name, text]) => {
    const ids = tokenizer.encode(text);
    const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return [name, { tokens: ids.length, sha256 }];
  });
  return Object.fromEntries(encoded);
}

type Training = Pick<Golden, 'corpus' | 'vocabularySize' | 'byLine'> & Partial<Golden>;

function train(options: Training): BpeTokenizer {
  const trainer = new BpeTrainer(options);
  const bytes = corpus(options.corpus);
  for (let start = 0; start < bytes.length; ) {
    const end = options.byLine ? bytes.indexOf('\n', start) + 1 || bytes.length : bytes.length;
    trainer.write(bytes.subarray(start, end));
    trainer.endDocument();
    start = end;
  }
  return trainer.finish();
}

function mergesOf(tokenizer: BpeTokenizer): string[][] {
  return (tokenizer.toJSON() as unknown as { model: { merges: string[][] } }).model.merges;
}

describe("byte-level BPE beside Python's tokenizers", () => {
  it.each(goldens.cases)(
    'learns the same merges from $corpus, and gives the same ids: $vocabularySize, $minCount, $lowercase, $byLine',
    (golden) => {
      const tokenizer = train(golden);
      const merges = mergesOf(tokenizer);
      expect(merges.slice(0, 5)).toEqual(golden.firstMerges);
      expect(merges.slice(-5)).toEqual(golden.lastMerges);
      expect(merges.length).toBe(golden.merges);
      const lines = merges.map((merge) => merge.join(' ')).join('\n');
      expect(createHash('sha256').update(lines).digest('hex')).toBe(golden.mergesSha256);
      expect(encodeAll(tokenizer)).toEqual(golden.encoded);
    },
  );

  it('writes a tokenizer.json with which Python gives the same ids', () => {
    const tokenizer = train({ corpus: 'tinyshakespeare', vocabularySize: 512, byLine: false });
    expect(JSON.parse(JSON.stringify(tokenizer))).toEqual(fixture('tokenizer'));
    const texts = new Map([...corpora, ['every code point', everyCodePoint()]]);
    expect(encodeAll(tokenizer, texts)).toEqual(goldens.written);
  });
});

describe("byte-level BPE beside @huggingface/tokenizers, Hugging Face's JavaScript", () => {
  it.each(['human-rights-multilingual', 'tinyshakespeare'])('gives the same ids for %s', (name) => {
    const tokenizer = train({ corpus: name, vocabularySize: 2000, byLine: false });
    const json = JSON.parse(JSON.stringify(tokenizer)) as object;
    const other = new HuggingFaceTokenizer(json, { clean_up_tokenization_spaces: false });
    for (const text of corpora.values()) {
      const slice = text.slice(0, 10_000);
      const ids = [...tokenizer.encode(slice)];
      expect(ids).toEqual(other.encode(slice).ids);
      expect(other.decode(ids)).toBe(slice);
    }
  });
});
