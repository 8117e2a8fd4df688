import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StreamLines, typedText } from './interactive-input.ts';

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

  it('are UTF-8', async () => {
    await expect(linesOf(['a', Uint8Array.of(0xff), 'b\n'])).rejects.toThrow(
      'standard input: expected UTF-8 text, found bytes that are none',
    );
    await expect(linesOf(['a\n', Uint8Array.of(0xc3)])).rejects.toThrow(
      'found bytes that are none',
    );
    expect(await linesOf(['\ufeffa\n\ufeffb'])).toEqual(['a', '\ufeffb']);
  });

  it('come up to a bad one, however much is read at once', async () => {
    const bytes = Buffer.concat([Buffer.from('one\ntwo\n'), Uint8Array.of(0xff, 0x0a)]);
    const input = new StreamLines(Readable.from([bytes]), new AbortController().signal);
    expect([await input.next(), await input.next()]).toEqual(['one', 'two']);
    await expect(input.next()).rejects.toThrow('found bytes that are none');
  });

  it('leave the stream that is closed after one of them', async () => {
    const stream = new Readable({ read() {} });
    stream.push('one\ntwo\n');
    const input = new StreamLines(stream, new AbortController().signal);
    expect(await input.next()).toBe('one');
    input.close();
    await new Promise((resolve) => stream.on('close', resolve).on('error', () => {}));
    expect(stream.destroyed).toBe(true);
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

describe('what is typed', () => {
  it('keeps its keys, and no other control characters', () => {
    const typed = typedText();
    const bytes = Buffer.from('a\u001b[Dö\u0003\u009b2J\u202ez\r');
    for (const byte of bytes) typed.write(Uint8Array.of(byte));
    expect(String(typed.read())).toBe('a\u001b[Dö\u0003\ufffd2J\ufffdz\r');
  });
});
