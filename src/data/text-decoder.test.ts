import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { collectPieces, cutBlocks } from './testing/blocks.ts';
import { canonicalEncoding, decodeText } from './text-decoder.ts';

async function decode(bytes: Uint8Array, encoding?: string, ...sizes: number[]): Promise<string> {
  const pieces = await collectPieces(
    decodeText(() => cutBlocks(bytes, ...sizes), 'a.txt', encoding),
  );
  for (const piece of pieces) {
    expect(piece.length).toBeGreaterThan(0);
    expect(isUtf8(piece)).toBe(true);
  }
  return Buffer.concat(pieces).toString();
}

async function failure(bytes: Uint8Array, encoding?: string, size?: number): Promise<UserError> {
  const error: unknown = await decode(bytes, encoding, ...(size ? [size] : [])).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();

describe('decodeText', () => {
  it('gives the same characters however UTF-8 is cut, each piece whole characters', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), sizes, async (text, cuts) => {
        expect(await decode(Buffer.from(`x${text}`), undefined, ...cuts)).toBe(`x${text}`);
      }),
      { numRuns: 300 },
    );
  });

  it('finds the first invalid sequence however the bytes are cut', async () => {
    const byte = fc.oneof(
      fc.constantFrom(0x0a, 0x41, 0x80, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff),
      fc.integer({ min: 0, max: 255 }),
    );
    const array = fc.array(byte, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(array, fc.integer({ min: 1, max: 13 }), async (values, size) => {
        const bytes = Buffer.from([0x41, 0x41, 0x41, 0x41, ...values]);
        fc.pre(!isUtf8(bytes));
        const { message } = await failure(bytes, undefined, size);
        const offset = Number(/at byte (\d+) /.exec(message)?.[1]);
        expect(isUtf8(bytes.subarray(0, offset))).toBe(true);
        for (let end = offset + 1; end <= bytes.length; end += 1) {
          expect(isUtf8(bytes.subarray(0, end))).toBe(false);
        }
        const line = bytes.subarray(0, offset).toString().split('\n').length;
        const value = bytes.toString('hex', offset, offset + 1);
        expect(message).toContain(`at byte ${offset} (0x${value}, line ${line})`);
      }),
      { numRuns: 500 },
    );
  });

  it('drops the byte-order mark at the beginning and no other character', async () => {
    for (const size of [1, 2, 3, 4, 100]) {
      expect(await decode(Buffer.from('\ufeffone\r\n\0\ufeff'), undefined, size)).toBe(
        'one\r\n\0\ufeff',
      );
      expect(await decode(Buffer.from('\ufeff'), undefined, size)).toBe('');
      expect(await decode(Buffer.from('\ufeff\ufeff'), undefined, size)).toBe('\ufeff');
      expect(await decode(Buffer.from('\ufeffone'), 'utf-8', size)).toBe('one');
      expect(await decode(Buffer.from('\ufeffone', 'utf16le'), 'utf-16le', size)).toBe('one');
      expect(await decode(Buffer.alloc(0), undefined, size)).toBe('');
    }
  });

  it('knows UTF-16 by its byte-order mark, also against the name of the other kind', async () => {
    const text = 'ab世界😀é\ufeff\n';
    for (const encoding of [undefined, 'utf-16le', 'utf-16be']) {
      for (const size of [1, 2, 3, 5, 100]) {
        expect(await decode(Buffer.from(`\ufeff${text}`, 'utf16le'), encoding, size)).toBe(text);
        expect(await decode(utf16be(`\ufeff${text}`), encoding, size)).toBe(text);
      }
    }
    expect(await decode(utf16be(text), 'utf-16be')).toBe(text);
  });

  it.each([
    ['utf-16le', (text: string) => Buffer.from(text, 'utf16le')],
    ['utf-16be', utf16be],
  ] as const)(
    'does not take %s without a mark for UTF-8 full of NULs',
    async (encoding, encode) => {
      const long = `Latin at first: ${'x'.repeat(40)} 世界 é`;
      for (const text of ['ab', 'a\r\nb', long]) {
        const bytes = encode(text);
        for (const size of [1, 2, 3, 4, 5, 31, 32, 33, 1000]) {
          const error = await failure(bytes, undefined, size);
          expect(error.code).toBe('corpus-encoding');
          expect(error.message).toBe(
            'a.txt: expected UTF-8 text, found what looks like UTF-16 without a byte-order mark: ' +
              'every second byte is 0',
          );
          expect(error.hint).toBe(
            `Name its encoding: --encoding ${encoding}; or --encoding utf-8, if the NULs are part of the text.`,
          );
          expect(await decode(bytes, encoding, size)).toBe(text);
        }
        expect(await decode(encode('ab'), 'utf-8')).toBe(encode('ab').toString());
      }
    },
  );

  it.each([
    'a\0',
    '\0a',
    'a\0b',
    '\0\0\0\0',
    'a\0b\0\0\0',
    'a\0bc',
    'ab\0c\0d\0',
    `${'a\0'.repeat(15)}bc`,
    `${'\0a'.repeat(15)}bc`,
  ])('takes a text with NULs as it is: %j', async (text) => {
    for (const size of [1, 2, 3, 7, 100]) {
      expect(await decode(Buffer.from(text), undefined, size)).toBe(text);
    }
  });

  it('holds up no text that comes slowly', async () => {
    let read = 0;
    const slow = async function* () {
      for (const character of 'a\0b\0cd') {
        read += 1;
        yield Buffer.from(character);
      }
    };
    const pieces = decodeText(slow, 'a.txt', undefined);
    for (let i = 1; i <= 6; i += 1) {
      expect((await pieces.next()).value).toHaveLength(1);
      expect(read).toBe(i);
    }
    await pieces.return(undefined);
  });

  // What Python encodes: "…".encode(name).hex()
  it.each([
    ['utf-16le', 'aé世😀\n', '6100e900164e3dd800de0a00'],
    ['utf-16be', 'aé世😀\n', '006100e94e16d83dde00000a'],
    ['shift_jis', 'aあｱ漢字ソ\n', '6182a0b18abf8e9a835c0a'],
    ['euc-jp', 'aあ漢字\n', '61a4a2b4c1bbfa0a'],
    ['iso-2022-jp', 'a漢字b\n', '611b244234413b7a1b2842620a'],
    ['euc-kr', 'a한글 b\n', '61c7d1b1db20620a'],
    ['gb18030', 'a中é😀b\n', '61d6d0a8a69439fc36620a'],
    ['big5', 'a中文\n', '61a4a4a4e50a'],
    ['windows-1252', 'a€’é“”\n', '618092e993940a'],
    ['iso-8859-15', '€é', 'a4e9'],
    ['koi8-r', 'Мир', 'edc9d2'],
    ['windows-1251', 'Мир', 'cce8f0'],
  ])('decodes %s however it is cut', async (encoding, text, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    for (let first = 1; first <= bytes.length; first += 1) {
      for (let second = 1; second <= bytes.length - first + 1; second += 1) {
        expect(await decode(bytes, encoding, first, second, bytes.length)).toBe(text);
      }
    }
  });

  it('decodes every byte as windows-1252, which knows them all', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const text = await decode(bytes, canonicalEncoding('latin1'), 100);
    expect(text).toHaveLength(256);
    expect(text.slice(0x80, 0x85)).toBe('€\u0081‚ƒ„');
    expect(text.slice(0xa0)).toBe(bytes.toString('latin1', 0xa0));
  });

  it('says where bytes are not UTF-8, and what helps', async () => {
    const error = await failure(Buffer.from('ab\ncd\xe9f', 'latin1'));
    expect(error.code).toBe('corpus-encoding');
    expect(error.message).toBe(
      'a.txt: expected UTF-8 text, found an invalid sequence at byte 5 (0xe9, line 2)',
    );
    expect(error.hint).toBe(
      'Name its encoding with --encoding, such as --encoding windows-1252, or take any bytes as ' +
        'they are with --tokenizer byte.',
    );
  });

  it.each([
    ['shift_jis', '61620a8220', 'shift_jis', 3, '82', 2],
    ['shift_jis', '6162820a82', 'shift_jis', 2, '82', 1],
    ['euc-kr', '0a0aff61', 'euc-kr', 2, 'ff', 3],
    ['gb18030', '61813081', 'gb18030', 1, '81', 1],
    ['utf-16le', '61000a003dd86100', 'UTF-16LE', 4, '3d', 2],
    ['utf-16le', '61000a0000dc', 'UTF-16LE', 4, '00', 2],
    ['utf-16le', '610062006300640065', 'UTF-16LE', 8, '65', 1],
    [undefined, 'fffe610062', 'UTF-16LE', 4, '62', 1],
    [undefined, 'feff0061d83d', 'UTF-16BE', 4, 'd8', 1],
  ])('says where bytes are not %s: %s', async (encoding, hex, shown, offset, byte, line) => {
    const bytes = Buffer.from(hex, 'hex');
    for (let size = 1; size <= bytes.length; size += 1) {
      const error = await failure(bytes, encoding, size);
      expect(error.message).toBe(
        `a.txt: expected ${shown} text, found an invalid sequence at byte ${offset} ` +
          `(0x${byte}, line ${line})`,
      );
      expect(error.hint).toMatch(/--encoding, or .*--tokenizer byte and no --encoding/);
    }
  });

  it('finds the place far into a file, behind many blocks', async () => {
    const lines = 'あ line of text\n'.repeat(10_000);
    const bytes = Buffer.concat([Buffer.from(lines), Buffer.from([0xc3, 0x28])]);
    expect((await failure(bytes, undefined, 1000)).message).toContain(
      `at byte ${Buffer.byteLength(lines)} (0xc3, line 10001)`,
    );
  });

  it('says that UTF-32 is to be converted', async () => {
    for (const hex of ['fffe000061000000', '0000feff00000061']) {
      const error = await failure(Buffer.from(hex, 'hex'), undefined, 1);
      expect(error.message).toBe(
        'a.txt: expected UTF-8 or UTF-16 text, found the byte-order mark of UTF-32',
      );
      expect(error.hint).toContain('iconv -f UTF-32');
    }
  });

  it('ends its input when it is left or fails', async () => {
    let open = 0;
    const source = (bytes: Buffer) => () =>
      (async function* () {
        open += 1;
        try {
          yield* cutBlocks(bytes, 4);
        } finally {
          open -= 1;
        }
      })();
    for await (const _ of decodeText(source(Buffer.alloc(100, 0x61)), 'x', undefined)) {
      break;
    }
    expect(open).toBe(0);
    await collectPieces(decodeText(source(Buffer.alloc(100, 0xff)), 'x', undefined)).catch(() => 0);
    expect(open).toBe(0);
  });
});

describe('canonicalEncoding', () => {
  it('knows encodings by their labels', () => {
    expect(canonicalEncoding('latin1')).toBe('windows-1252');
    expect(canonicalEncoding('UTF8')).toBe('utf-8');
    expect(canonicalEncoding('Shift-JIS')).toBe('shift_jis');
  });

  it('refuses a name that is none, as wrong usage, and names some that are', () => {
    for (const name of ['klingon', '', 'utf-7']) {
      let error: unknown;
      try {
        canonicalEncoding(name);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({
        exitCode: 2,
        message: `--encoding: expected the name of an encoding, found ${name}`,
      });
      const names = /known: (.*)\.$/.exec((error as UserError).hint ?? '')?.[1] ?? '';
      for (const known of names.split(/, | \(or |\)/).filter(Boolean)) {
        expect(canonicalEncoding(known)).toBeTruthy();
      }
    }
  });
});
