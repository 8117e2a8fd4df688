import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { trainTokenizer } from '../data/tokenizer.ts';
import { assertKnown, parseJsonPrompts, parsePrompts, readPrompts } from './sample-prompts.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-prompts-'));
afterAll(() => rmSync(directory, { recursive: true }));
const signal = new AbortController().signal;

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('prompts of a file', () => {
  it('are its lines, empty ones too, without their ends', async () => {
    const path = file('prompts.txt', '\ufeffROMEO:\r\n\n a b \nlast');
    expect(await readPrompts({ prompts: path }, signal)).toEqual([
      { text: 'ROMEO:', index: 0 },
      { text: '', index: 1 },
      { text: ' a b ', index: 2 },
      { text: 'last', index: 3 },
    ]);
    expect(parsePrompts(Buffer.from('a\nb\n'), 'x')).toEqual(['a', 'b']);
  });

  it('are the fields of JSON lines', async () => {
    const path = file('prompts.jsonl', '{"prompt": "a\\nb", "more": 1}\n\n{"prompt": ""}\n');
    expect(await readPrompts({ prompts: path }, signal)).toEqual([
      { text: 'a\nb', index: 0 },
      { text: '', index: 1 },
    ]);
  });

  it.each([
    [
      '{"prompt": 3}',
      'line 1: expected an object with a text in its field "prompt", found 3 in it',
    ],
    [
      '{"text": "a"}',
      'line 1: expected an object with a text in its field "prompt", found nothing in it',
    ],
    ['"a"', 'line 1: expected an object with a text in its field "prompt", found "a"'],
    ['{"prompt": "a"}\n{', 'line 2: expected JSON, found what is none: '],
  ])('are refused by their line: %s', (content, message) => {
    expect(() => parseJsonPrompts(Buffer.from(content), 'p.jsonl')).toThrow(`p.jsonl, ${message}`);
  });

  it('are refused where there are none, or no text', async () => {
    await expect(readPrompts({ prompts: join(directory, 'none') }, signal)).rejects.toThrow(
      /^--prompts: expected a file at .*none, could not read it: ENOENT/,
    );
    const [empty, bytes] = [file('empty.txt', ''), file('bytes.txt', Uint8Array.of(0xff))];
    await expect(readPrompts({ prompts: empty }, signal)).rejects.toThrow(
      `${empty}: expected a prompt on each line, found no line`,
    );
    await expect(readPrompts({ prompts: bytes }, signal)).rejects.toThrow(
      `${bytes}: expected UTF-8 text, found bytes that are none`,
    );
  });
});

describe('a prompt from standard input', () => {
  const read = async (...bytes: Uint8Array[]) => {
    const input = vi.spyOn(process, 'stdin', 'get');
    input.mockReturnValue(Readable.from(bytes) as typeof process.stdin);
    try {
      return await readPrompts({ prompt: '-' }, signal);
    } finally {
      input.mockRestore();
    }
  };

  it('is all of its text, without a byte-order mark', async () => {
    const bytes = Buffer.from('\ufeff\n a é\r\nb\n');
    expect(await read(bytes.subarray(0, 8), bytes.subarray(8))).toEqual([
      { text: '\n a é\r\nb\n' },
    ]);
    expect(await read()).toEqual([{ text: '' }]);
  });

  it('is refused where it is no text', async () => {
    await expect(read(Uint8Array.of(0x61, 0xff))).rejects.toMatchObject({
      code: 'prompts',
      message: 'standard input: expected UTF-8 text, found bytes that are none',
      hint: 'Turn it into UTF-8, such as with iconv.',
    });
  });
});

describe('what a prompt is made of', () => {
  it('must be characters that a model of characters knows', () => {
    const tokenizer = trainTokenizer('ab\n', { kind: 'char' });
    expect(() => assertKnown(tokenizer, [{ text: 'ab' }, { text: 'a\nbé' }])).toThrow(
      'prompt: expected characters that the model knows, found "é" (U+00E9) at line 2, column 2',
    );
    expect(() =>
      assertKnown(tokenizer, [
        { text: 'a', index: 0 },
        { text: 'c', index: 1 },
      ]),
    ).toThrow(
      'prompt 2: expected characters that the model knows, found "c" (U+0063) at line 1, column 1',
    );
  });

  it('may be words that the model does not know, which is said once', () => {
    const tokenizer = trainTokenizer('the fox\n', { kind: 'word' });
    let said = '';
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += text;
      return true;
    });
    assertKnown(
      tokenizer,
      ['the fox', 'a fox', 'the', 'odd'].map((text, index) => ({ text, index })),
    );
    write.mockRestore();
    expect(said).toBe(
      '"a" (line 1, column 1 of prompt 2) is read as <unk>: the model does not know it\n' +
        'So is some of 1 more prompts.\n',
    );
  });
});
