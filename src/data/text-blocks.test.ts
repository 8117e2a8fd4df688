import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectPieces, cutBlocks } from './testing/blocks.ts';
import { isGzip, readBlocks, unpackGzip } from './text-blocks.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gru-lm-blocks-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function withBytes<T>(bytes: Uint8Array, use: (file: number) => T | Promise<T>): Promise<T> {
  const path = join(directory, 'bytes');
  await writeFile(path, bytes);
  const file = openSync(path, 'r');
  try {
    return await use(file);
  } finally {
    closeSync(file);
  }
}

describe('readBlocks', () => {
  it('gives all bytes in their order, in blocks of at most the size asked for', async () => {
    for (const size of [1000, 100_000]) {
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => i % 251));
      for (const blockSize of [size / 100, 777, size - 1, size, size + 1, undefined]) {
        const positions: number[] = [];
        const blocks = await withBytes(bytes, (file) =>
          collectPieces(
            readBlocks(file, size, { blockSize, onPosition: (at) => positions.push(at) }),
          ),
        );
        expect(Buffer.concat(blocks).equals(bytes)).toBe(true);
        expect(blocks[0]).toHaveLength(Math.min(blockSize ?? size, size));
        expect(positions.at(-1)).toBe(size);
        expect(positions).toHaveLength(blocks.length);
      }
    }
  });

  it('reads no more than it is asked to, and no more than there is', async () => {
    for (const [asked, given] of [
      [10, 10],
      [0, 0],
      [100, 100],
      [200, 100],
    ]) {
      const blocks = await withBytes(Buffer.alloc(100, 1), (file) =>
        collectPieces(readBlocks(file, asked!, { blockSize: 30 })),
      );
      expect(Buffer.concat(blocks)).toHaveLength(given!);
    }
  });

  it('can be left at any block, after which the file can be closed', async () => {
    await withBytes(Buffer.alloc(100_000, 1), async (file) => {
      for await (const block of readBlocks(file, 100_000, { blockSize: 10 })) {
        expect(block).toHaveLength(10);
        break;
      }
    });
  });

  it('throws the reason of its signal', async () => {
    const abort = new AbortController();
    const reading = withBytes(Buffer.alloc(100, 1), async (file) => {
      for await (const _ of readBlocks(file, 100, { blockSize: 10, signal: abort.signal })) {
        abort.abort(new Error('enough'));
      }
    });
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('isGzip', () => {
  it('goes by the first two bytes', async () => {
    expect(await withBytes(gzipSync('text'), isGzip)).toBe(true);
    expect(await withBytes(Buffer.from([0x1f]), isGzip)).toBe(false);
    expect(await withBytes(Buffer.from('text'), isGzip)).toBe(false);
    expect(await withBytes(Buffer.alloc(0), isGzip)).toBe(false);
  });
});

describe('unpackGzip', () => {
  const text = 'a line of text\n'.repeat(500);
  const members = Buffer.concat([gzipSync(text), gzipSync(''), gzipSync('the end')]);

  it('unpacks one member after the other, however the file is cut', async () => {
    for (let size = 1; size <= members.length; size += 1) {
      const pieces = await collectPieces(unpackGzip(cutBlocks(members, size), 'x', size));
      expect(Buffer.concat(pieces).toString()).toBe(`${text}the end`);
    }
  });

  it('names a file that is cut off or damaged', async () => {
    const damaged = Buffer.from(members);
    damaged[40]! ^= 0xff;
    for (const [bytes, why] of [
      [members.subarray(0, -3), 'unexpected end of file'],
      [members.subarray(0, 15), 'unexpected end of file'],
      [damaged, ''],
    ] as const) {
      for (const size of [1, bytes.length]) {
        await expect(
          collectPieces(unpackGzip(cutBlocks(bytes, size), 'a.gz')),
        ).rejects.toMatchObject({
          code: 'corpus-encoding',
          message: expect.stringContaining(
            `a.gz: expected text or a whole gzip file, found a gzip file that does not unpack: ${why}`,
          ),
          hint: 'Check it with gzip --test, or unpack it first.',
        });
      }
    }
  });

  it('passes on what goes wrong with its input, and ends its input when it is left', async () => {
    const failing = async function* () {
      yield members.subarray(0, 20);
      throw new Error('the disk is gone');
    };
    await expect(collectPieces(unpackGzip(failing(), 'x'))).rejects.toThrow('the disk is gone');

    let ended = false;
    const noise = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 2654435761) >>> 23));
    const source = async function* () {
      try {
        yield* cutBlocks(gzipSync(noise), 100);
      } finally {
        ended = true;
      }
    };
    for await (const _ of unpackGzip(source(), 'x', 64)) {
      break;
    }
    expect(ended).toBe(true);
  });
});
