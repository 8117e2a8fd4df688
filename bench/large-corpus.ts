/**
 * Makes text of any size out of the project's corpora: their lines, shuffled anew for each pass.
 *
 *     npx tsx bench/large-corpus.ts --bytes 1073741824 --out large.txt
 *     npx tsx bench/large-corpus.ts --bytes 2147483648 --one-line --out line.txt
 *     npx tsx bench/large-corpus.ts --distinct-words 5000000 --out words.txt
 */
import { createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../src/random.ts';

const CHUNK_BYTES = 1 << 20;

/** Lines of the corpora in random order, again and again, until there are `bytes` of them. */
export async function* largeCorpus(
  bytes: number,
  { oneLine = false, seed = 1 } = {},
): AsyncGenerator<Buffer> {
  const directory = new URL('../corpora/', import.meta.url);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.txt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, directory), 'utf8')));
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
  const random = new Random(seed);
  const end = oneLine ? ' ' : '\n';
  let left = bytes;
  let chunk = '';
  for (;;) {
    shuffle(lines, random);
    for (const line of lines) {
      chunk += line + end;
      if (chunk.length < CHUNK_BYTES) continue;
      const encoded = Buffer.from(chunk);
      if (encoded.length >= left) return yield cut(encoded, left);
      yield encoded;
      left -= encoded.length;
      chunk = '';
    }
  }
}

/** `count` words, no two alike, twenty a line. */
function* distinctWords(count: number): Generator<Buffer> {
  let chunk = '';
  for (let i = 0; i < count; i += 1) {
    chunk += `w${i.toString(36)}${i % 20 === 19 ? '\n' : ' '}`;
    if (chunk.length < CHUNK_BYTES) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  yield Buffer.from(chunk);
}

/** The first `length` bytes, or a few less so as not to cut a character in two. */
function cut(bytes: Buffer, length: number): Buffer {
  let end = length;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

function shuffle(items: string[], random: Random): void {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = random.integer(i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      bytes: { type: 'string', default: String(1 << 30) },
      'distinct-words': { type: 'string' },
      'one-line': { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
    },
  });
  if (values.out === undefined) throw new Error('expected --out FILE');
  const words = values['distinct-words'];
  const options = { oneLine: values['one-line'], seed: Number(values.seed) };
  const chunks =
    words === undefined ? largeCorpus(Number(values.bytes), options) : distinctWords(Number(words));
  await pipeline(chunks, createWriteStream(values.out));
}
