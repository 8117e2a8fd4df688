import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { errorMessage, UserError } from '../errors.ts';
import { formatBytes, type ManifestFile } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import type { WheelPin } from './pins.ts';

const retryHint =
  'Run gru-lm setup again; if it stays so, whoever serves the file (a mirror, a proxy) changes it: see "pip config list".';

/** Throws a `UserError` unless the file has the size and the SHA-256 that are pinned. */
export async function verifyWheel(
  path: string,
  pin: WheelPin,
  context: RuntimeContext,
): Promise<void> {
  const { onEvent, signal } = context;
  const { size } = await stat(path);
  if (size !== pin.bytes) {
    throw new UserError(
      'runtime-hash',
      `${pin.file} should have ${pin.bytes} bytes; ${size} were downloaded${await describeStart(path)}. It was not opened.`,
      retryHint,
    );
  }
  onEvent({ type: 'phase', phase: 'verify', message: 'checking SHA-256', totalBytes: size });
  const hash = createHash('sha256');
  const report = progressReporter('verify', size, context);
  const input = createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) });
  for await (const chunk of input as AsyncIterable<Buffer>) {
    hash.update(chunk);
    report(chunk.length);
  }
  const found = hash.digest('hex');
  if (found !== pin.sha256) {
    throw new UserError(
      'runtime-hash',
      `${pin.file} should have SHA-256 ${pin.sha256}; the downloaded file has ${found}. It was not opened.`,
      retryHint,
    );
  }
  onEvent({ type: 'done', phase: 'verify' });
}

/**
 * Unpacks the members of a verified wheel that its pin names into `directory`, where the pin has
 * them. Returns what was written.
 */
export async function unpackWheel(
  path: string,
  pin: WheelPin,
  directory: string,
  context: RuntimeContext,
): Promise<ManifestFile[]> {
  const { onEvent } = context;
  const totalBytes = pin.unpackedBytes;
  onEvent({
    type: 'phase',
    phase: 'unpack',
    message: `unpacking ${formatBytes(totalBytes)}`,
    totalBytes,
  });
  const zip = await openZip(path, pin);
  const written: ManifestFile[] = [];
  try {
    const wanted = await listWanted(zip, pin);
    const report = progressReporter('unpack', totalBytes, context);
    for (const { entry, target } of wanted) {
      await unpackEntry(zip, entry, join(directory, target), report, context.signal);
      written.push({ path: target, bytes: entry.uncompressedSize });
    }
  } finally {
    zip.close();
  }
  onEvent({ type: 'done', phase: 'unpack' });
  return written;
}

/** Where a member goes, relative to the directory that is filled; undefined for members not kept. */
export function targetPath(name: string, pin: WheelPin): string | undefined {
  if (name.endsWith('/') || name.split('/').includes('..')) return undefined;
  if (Object.hasOwn(pin.members, name)) return pin.members[name];
  const found = Object.entries(pin.prefixes).find(([prefix]) => name.startsWith(prefix));
  return found && `${found[1]}${name.slice(found[0].length)}`;
}

async function openZip(path: string, pin: WheelPin): Promise<ZipFile> {
  try {
    return await yauzl.openPromise(path, { autoClose: false });
  } catch (error) {
    throw new UserError(
      'runtime-wheel',
      `${pin.file} should be a wheel; it cannot be read as one: ${errorMessage(error)}.`,
      retryHint,
    );
  }
}

async function listWanted(
  zip: ZipFile,
  pin: WheelPin,
): Promise<{ entry: Entry; target: string }[]> {
  const wanted: { entry: Entry; target: string }[] = [];
  for await (const entry of zip.eachEntry()) {
    const target = targetPath(entry.fileName, pin);
    if (target !== undefined) wanted.push({ entry, target });
  }
  requireMembers(
    wanted.map(({ entry }) => entry.fileName),
    pin,
  );
  return wanted;
}

function requireMembers(names: readonly string[], pin: WheelPin): void {
  const missing = Object.keys(pin.members).find((name) => !names.includes(name));
  if (missing === undefined) return;
  throw new UserError(
    'runtime-wheel',
    `${pin.file} should hold ${missing}; it does not.`,
    retryHint,
  );
}

async function unpackEntry(
  zip: ZipFile,
  entry: Entry,
  path: string,
  report: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const input = await zip.openReadStreamPromise(entry, { decodeFileData: false });
  // Large blocks: zlib's default of 16 kB makes the unpacking three times as slow.
  const inflate =
    entry.compressionMethod === 0 ? new PassThrough() : createInflateRaw({ chunkSize: 1 << 18 });
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      report(chunk.length);
      done(null, chunk);
    },
  });
  // Flushed if large, so that a power cut cannot leave an empty library beside its manifest.
  const flush = entry.uncompressedSize > 1e6;
  const output = createWriteStream(path, { flags: 'wx', flush, highWaterMark: 1 << 20 });
  await pipeline([input, inflate, meter, output], signal === undefined ? {} : { signal });
  if (bytes !== entry.uncompressedSize) {
    throw new UserError(
      'runtime-wheel',
      `${entry.fileName} should unpack to ${entry.uncompressedSize} bytes; it gave ${bytes}.`,
      retryHint,
    );
  }
}

/** Adds up bytes and reports them, at most once for each hundredth of the whole. */
function progressReporter(
  phase: 'verify' | 'unpack',
  totalBytes: number,
  context: RuntimeContext,
): (bytes: number) => void {
  let doneBytes = 0;
  let reported = 0;
  return (bytes) => {
    doneBytes += bytes;
    if (doneBytes - reported < totalBytes / 100 && doneBytes < totalBytes) return;
    reported = doneBytes;
    context.onEvent({ type: 'progress', phase, doneBytes, totalBytes });
  };
}

async function describeStart(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    const start = buffer.toString('latin1', 0, bytesRead).trimStart().toLowerCase();
    return start.startsWith('<!doctype') || start.startsWith('<html') ? ' (a web page)' : '';
  } finally {
    await handle.close();
  }
}
