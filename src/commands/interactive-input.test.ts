import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StreamLines } from './interactive-input.ts';

async function linesOf(pieces: (string | Uint8Array)[]): Promise<string[]> {
  const stream = Readable.from(pieces.map((piece) => Buffer.from(piece)));
  const input = new StreamLines(stream, new AbortController().signal);
  const lines: string[] = [];
  for (let line = await input.next(); line !== undefined; line = await input.next()) {
    lines.push(line);
  }
  return lines;
}

describe('lines of a stream', () => {
  it('are the same however it comes, whole characters at that', async () => {
    const text = Buffer.from('one\n\nzwölf\r\nlast');
    const expected = ['one', '', 'zwölf', 'last'];
    expect(await linesOf([text])).toEqual(expected);
    expect(await linesOf([...text].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    expect(await linesOf(['one\n'])).toEqual(['one']);
    expect(await linesOf([])).toEqual([]);
  });

  it('are not waited for once that is to stop', async () => {
    const stream = new Readable({ read() {} });
    const controller = new AbortController();
    const next = new StreamLines(stream, controller.signal).next();
    controller.abort();
    await expect(next).rejects.toThrow();
    stream.destroy();
  });
});
