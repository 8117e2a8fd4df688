import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { streamText } from './text-stream.ts';

async function textOf(
  blocks: Iterable<Uint8Array>,
  options: Parameters<typeof streamText>[2] = {},
): Promise<string> {
  const pieces: string[] = [];
  const documents: boolean[] = [];
  for await (const { bytes, startsDocument } of streamText(Readable.from(blocks), '-', options)) {
    pieces.push(Buffer.from(bytes).toString('latin1'));
    documents.push(startsDocument);
  }
  expect(documents).toEqual(documents.map((_, i) => i === 0));
  return Buffer.from(pieces.join(''), 'latin1').toString();
}

describe('text that is read once', () => {
  it('is what was written, however it came', async () => {
    const bytes = Buffer.from('\ufeffÄpfel\r\nand pears\r\n');
    for (const size of [1, 2, 3, 100]) {
      const blocks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(await textOf(blocks)).toBe('Äpfel\r\nand pears\r\n');
      expect(await textOf(blocks, { newlines: 'lf' })).toBe('Äpfel\nand pears\n');
    }
  });

  it('is unpacked if it is gzip, and decoded if its encoding is named', async () => {
    expect(await textOf([gzipSync('packed\n')])).toBe('packed\n');
    expect(await textOf([Buffer.from([0xe9])], { encoding: 'windows-1252' })).toBe('é');
  });

  it('may be nothing', async () => {
    expect(await textOf([])).toBe('');
  });

  it('comes as soon as it is there, a short line too', async () => {
    const stream = new Readable({ read() {} });
    const chunks = streamText(stream, '-', {})[Symbol.asyncIterator]();
    for (const line of ['a\n', 'b\n']) {
      stream.push(line);
      expect(Buffer.from((await chunks.next()).value.bytes).toString()).toBe(line);
    }
    stream.push(null);
    expect((await chunks.next()).done).toBe(true);
  });

  it('is refused where it is no text', async () => {
    await expect(textOf([Buffer.from([0x61, 0xff])])).rejects.toThrow(
      'standard input: expected UTF-8 text, found bytes that are none',
    );
    expect(await textOf([Buffer.from('as it is')], { raw: true })).toBe('as it is');
  });
});
