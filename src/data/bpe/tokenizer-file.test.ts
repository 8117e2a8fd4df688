import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import { TokenBuffer } from '../token-buffer.ts';
import { parseTokenizerFile } from '../tokenizer.ts';
import { huggingFaceTokenizer } from './tokenizer-file.ts';
import { BpeTrainer } from './trainer.ts';

/** Made by Python's tokenizers; `test/goldens/bpe-file-tokenizers.py` says how. */
interface Case {
  readonly name: string;
  readonly ids: readonly number[];
  readonly decoded: string;
  readonly json: Json;
}
type Json = { [field: string]: unknown } & { model: { [field: string]: unknown } };

const { sample, cases } = JSON.parse(
  readFileSync(new URL('fixtures/file-tokenizers.json', import.meta.url), 'utf8'),
) as { sample: string; cases: Case[] };
const caseOf = (name: string) => cases.find((candidate) => candidate.name === name)!;
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const trainer = new BpeTrainer({ vocabularySize: 300 });
trainer.write(Buffer.from(sample));
const ours = trainer.finish();
const ourJson = () => copy(ours.toJSON()) as unknown as Json;

describe('a tokenizer.json of byte-level BPE', () => {
  it('is run by the tokenizer of this program, with the same ids', () => {
    const read = huggingFaceTokenizer(ourJson());
    expect(read.kind).toBe('bpe');
    expect(read.encode(sample)).toEqual(ours.encode(sample));
    expect(read.toJSON()).toEqual(ours.toJSON());
    expect(read.endOfTextId).toBe(0);
  });

  it('may have merges as strings, no type, and other values that mean the same', () => {
    const json = ourJson();
    const merges = json.model.merges as [string, string][];
    json.model.merges = merges.map((merge) => merge.join(' '));
    json.model.continuing_subword_prefix = '';
    json.model.dropout = 0;
    json.model.unk_token = '<|endoftext|>';
    delete json.model.type;
    json.post_processor = { type: 'ByteLevel', trim_offsets: false };
    const read = huggingFaceTokenizer(json);
    expect(read.kind).toBe('bpe');
    expect(read.encode(sample)).toEqual(ours.encode(sample));
  });

  it('may have ids in any order, and several special tokens', () => {
    const json = ourJson();
    const vocab = json.model.vocab as Record<string, number>;
    const last = ours.vocabularySize - 1;
    json.model.vocab = Object.fromEntries(Object.entries(vocab).map(([t, id]) => [t, last - id]));
    json.added_tokens = [
      { id: last, content: '<|endoftext|>', special: true },
      { id: last + 1, content: '<|padding|>', special: true },
    ];
    const read = huggingFaceTokenizer(json);
    expect([read.kind, read.endOfTextId, read.vocabularySize]).toEqual(['bpe', last, last + 2]);
    expect(read.encode(sample)).toEqual(ours.encode(sample).map((id) => last - id));
    expect(read.token(last + 1)).toBe('<|padding|>');
    expect(huggingFaceTokenizer(copy(read.toJSON())).toJSON()).toEqual(read.toJSON());
  });

  it.each([
    [
      'another division',
      (json: Json) => Object.assign(json.pre_tokenizer as object, { use_regex: false }),
    ],
    [
      'a space before the text',
      (json: Json) => Object.assign(json.pre_tokenizer as object, { add_prefix_space: true }),
    ],
    ['a normal form', (json: Json) => Object.assign(json, { normalizer: { type: 'NFC' } })],
    ['words looked up whole', (json: Json) => Object.assign(json.model, { ignore_merges: true })],
    [
      'tokens added to the text',
      (json: Json) =>
        (json.added_tokens as object[]).push({ id: 300, content: 'xyz', special: false }),
    ],
    ['a byte that it lacks', (json: Json) => delete (json.model.vocab as Record<string, number>).q],
    ['ids with a gap', (json: Json) => Object.assign(json.model.vocab as object, { qqq: 1000 })],
  ])('is left to the library if it has %s', (_, change) => {
    const json = ourJson();
    change(json);
    expect(huggingFaceTokenizer(json).kind).toBe('file');
  });
});

describe('a tokenizer.json of another kind', () => {
  it.each(cases)(
    'gives the ids and the text that Python gives: $name',
    ({ json, ids, decoded }) => {
      const tokenizer = huggingFaceTokenizer(json);
      expect(tokenizer.kind).toBe('file');
      expect([...tokenizer.encode(sample)]).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.toJSON()).toBe(json);
    },
  );

  it.each(cases)('gives the same text streamed, of whole characters: $name', ({ json, ids }) => {
    const tokenizer = huggingFaceTokenizer(json);
    const decoder = tokenizer.decoder();
    const pieces = [...ids.map((id) => decoder.push(id)), decoder.end()];
    expect(pieces.join('')).toBe(tokenizer.decode(ids));
    expect(pieces.every((piece) => Buffer.from(piece).toString() === piece)).toBe(true);
  });

  it('streams whole characters whatever the ids are', () => {
    for (const { json } of cases) {
      const tokenizer = huggingFaceTokenizer(json);
      const id = fc.nat(tokenizer.vocabularySize - 1);
      fc.assert(
        fc.property(fc.array(id, { maxLength: 40 }), (ids) => {
          const decoder = tokenizer.decoder();
          for (const piece of [...ids.map((next) => decoder.push(next)), decoder.end()]) {
            expect(Buffer.from(piece).toString()).toBe(piece);
          }
        }),
        { numRuns: 40 },
      );
    }
  });

  it('gives the same ids however the text comes', () => {
    const tokenizer = huggingFaceTokenizer(caseOf('bert').json);
    const bytes = Buffer.from(sample);
    const encoder = tokenizer.encoder();
    const out = new TokenBuffer();
    for (const byte of bytes) {
      encoder.write(Uint8Array.of(byte), out);
    }
    encoder.end(out);
    expect(out.view()).toEqual(tokenizer.encode(sample));
  });

  it('knows the end of text, and special tokens by name alone', () => {
    const tokenizer = huggingFaceTokenizer(caseOf('bert').json);
    expect(tokenizer.endOfTextId).toBe(3);
    expect(tokenizer.token(3)).toBe('[SEP]');
    expect(tokenizer.decode([3])).toBe('');
    expect(tokenizer.encode('[SEP]')).not.toContain(3);
    expect(huggingFaceTokenizer(caseOf('t5').json).endOfTextId).toBe(1);
    expect(huggingFaceTokenizer(caseOf('llama-3').json).endOfTextId).toBe(1);
  });

  it('finds the first word with something unknown', () => {
    const tokenizer = huggingFaceTokenizer(caseOf('bert').json);
    expect(tokenizer.unknownId).toBe(1);
    expect(tokenizer.findUnknown('the right')).toBeUndefined();
    expect(tokenizer.findUnknown('the\nright to 😀 ')).toEqual({
      piece: '😀',
      offset: 13,
      line: 2,
      column: 10,
    });
    expect(huggingFaceTokenizer(caseOf('llama-3').json).findUnknown('😀')).toBeUndefined();
  });

  it('encodes a word of more tokens than the stack has room for', () => {
    const tokenizer = huggingFaceTokenizer(caseOf('t5').json);
    const ids = tokenizer.encode('\ufdfa'.repeat(30_000));
    expect(ids.length).toBeGreaterThan(100_000);
  });
});

describe('a file that is no tokenizer.json', () => {
  const failure = (bytes: Uint8Array): UserError => {
    try {
      parseTokenizerFile(bytes, 'some.json');
    } catch (error) {
      return error as UserError;
    }
    throw new Error('expected an error');
  };

  it.each([
    ['nothing', '', 'some.json: expected the JSON of a tokenizer.json, found what is none: '],
    ['no JSON', '{"model": ', 'some.json: expected the JSON of a tokenizer.json'],
    [
      'no object',
      '[]',
      'some.json: expected the JSON object of a tokenizer.json, found an empty array',
    ],
    ['no model', '{}', 'some.json: expected "model" to be an object, found nothing'],
    [
      'another model',
      '{"model": {"type": "RNN"}}',
      '"model.type" to be one of BPE, WordPiece, WordLevel, Unigram, found "RNN"',
    ],
    [
      'no vocabulary',
      '{"model": {"type": "BPE"}}',
      '"model.vocab" to be an object with an id for each token, found nothing',
    ],
    [
      'an id that is none',
      '{"model": {"type": "BPE", "vocab": {"a": -1}}}',
      '"model.vocab["a"]" to be an integer from 0 to 16777215, found once, found -1',
    ],
    [
      'a huge id',
      '{"model": {"type": "BPE", "vocab": {"a": 1e300}}}',
      '"model.vocab["a"]" to be an integer',
    ],
    [
      'an id twice',
      '{"model": {"type": "BPE", "vocab": {"a": 1, "b": 1}}}',
      '"model.vocab["b"]" to be an integer',
    ],
    [
      'no merges',
      '{"model": {"type": "BPE", "vocab": {"a": 1}}}',
      '"model.merges" to be an array, found nothing',
    ],
    [
      'merges of one',
      '{"model": {"vocab": {"a": 1}, "merges": ["a"]}}',
      '"model.merges[0]" to be two tokens, found "a"',
    ],
    [
      'merges of unknown tokens',
      '{"model": {"vocab": {"a": 1}, "merges": ["a __proto__"]}}',
      '"model.merges[0]" to be of tokens in the vocabulary, as what they make, found "__proto__"',
    ],
    [
      'merges that make none',
      '{"model": {"vocab": {"a": 1}, "merges": [["a", "a"]]}}',
      'found "aa"',
    ],
    [
      'an added token of an id that another has',
      '{"model": {"vocab": {"a": 1}, "merges": []}, "added_tokens": [{"id": 1, "content": "b"}]}',
      '"added_tokens[0].id" to be an integer from 0 to 16777215, the same for the same token alone, found 1',
    ],
    [
      'an added token without text',
      '{"model": {"vocab": {"a": 1}, "merges": []}, "added_tokens": [null]}',
      '"added_tokens[0].content" to be a text, found nothing',
    ],
    [
      'no unknown token',
      '{"model": {"type": "WordPiece", "continuing_subword_prefix": "##", "vocab": {"a": 1}}}',
      '"model.unk_token" to be a token of the vocabulary, found nothing',
    ],
    [
      'no unknown id',
      '{"model": {"type": "Unigram", "vocab": [["a", -1]]}}',
      '"model.unk_id" to be an id of the vocabulary, found nothing',
    ],
    [
      'a step that is not known',
      '{"model": {"vocab": {"a": 1}, "merges": []}, "normalizer": {"type": "Rot13"}}',
      'some.json: expected a tokenizer that @huggingface/tokenizers can run: Unknown Normalizer type: Rot13',
    ],
  ])('names what is wrong: %s', (_, text, message) => {
    const error = failure(Buffer.from(text));
    expect(error).toBeInstanceOf(UserError);
    expect(error.code).toBe('tokenizer-file');
    expect(error.message).toContain('some.json: expected');
    expect(error.message).toContain(message);
    expect(error.hint).toBeDefined();
  });

  it('may have bytes that are no text, or more levels than a stack', () => {
    expect(failure(Buffer.from([0x7b, 0xff])).code).toBe('tokenizer-file');
    expect(failure(Buffer.from('['.repeat(1e6))).code).toBe('tokenizer-file');
    const json = JSON.stringify({ ...ourJson(), normalizer: 0 });
    let nested = '{"type":"Sequence","normalizers":[';
    nested = nested.repeat(20_000) + ']}'.repeat(20_000);
    const deep = json.replace('"normalizer":0', `"normalizer":${nested}`);
    expect(failure(Buffer.from(deep)).code).toBe('tokenizer-file');
  });

  it('takes __proto__ for a token as any other', () => {
    const json = JSON.stringify(ourJson()).replace('"vocab":{', '"vocab":{"__proto__":300,');
    const tokenizer = parseTokenizerFile(Buffer.from(json), 'some.json');
    expect(tokenizer.vocabularySize).toBe(301);
    expect(tokenizer.token(300)).toBe('__proto__');
    expect(copy(tokenizer.toJSON())).toEqual(JSON.parse(JSON.stringify(tokenizer)));
    expect(JSON.stringify(tokenizer)).toContain('"__proto__":300');
  });

  it('is refused if a pattern of it would be tried for ever', () => {
    const json = copy(caseOf('bert').json);
    json.pre_tokenizer = {
      type: 'Split',
      pattern: { Regex: '(?:.|.|.|.|\\s)*q' },
      behavior: 'Isolated',
      invert: false,
    };
    expect(() => huggingFaceTokenizer(json, 'f')).toThrow(
      'f: expected a tokenizer that @huggingface/tokenizers can run: two lines of text take it more than 5 seconds',
    );
  });

  it('is refused, or works, whatever is changed in it', () => {
    const changed = fc.record({
      json: fc.constantFrom(ourJson(), ...cases.map((candidate) => candidate.json)),
      path: fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
      value: fc.oneof(fc.jsonValue(), fc.constantFrom(null, -1, 2 ** 31, 1.5, '', 'BPE', [], {})),
    });
    fc.assert(
      fc.property(changed, ({ json, path, value }) => {
        const broken = copy(json) as Record<string, unknown>;
        let place = broken;
        for (const [depth, choice] of path.entries()) {
          const keys = Object.keys(place);
          const key = keys[choice % keys.length];
          if (key === undefined) {
            break;
          }
          const inner = place[key];
          if (depth + 1 < path.length && typeof inner === 'object' && inner !== null) {
            place = inner as Record<string, unknown>;
          } else {
            place[key] = value;
            break;
          }
        }
        try {
          const tokenizer = huggingFaceTokenizer(broken);
          tokenizer.decode(tokenizer.encode('Everyone has the right.'));
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
