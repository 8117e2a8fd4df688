import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ExportedFile } from './exporter.ts';
import { assertWritable, writeFiles } from './write-files.ts';

let parent: string;
let out: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'gru-lm-export-'));
  out = join(parent, 'a', 'out');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const bytes = (text: string) => Buffer.from(text);
const files: ExportedFile[] = [
  { name: 'model/weights.bin', content: [bytes('one'), bytes('two')] },
  { name: 'index.html', content: bytes('page') },
];
const quiet = new AbortController().signal;
const tree = (directory: string) => readdirSync(directory, { recursive: true }).map(String).sort();
const read = (name: string) => readFileSync(join(out, name), 'utf8');

it('writes files and the directories that they need, and says how long they are', async () => {
  expect(await writeFiles(out, files, false, quiet)).toEqual([
    { name: 'model/weights.bin', bytes: 6 },
    { name: 'index.html', bytes: 4 },
  ]);
  expect(tree(parent)).toEqual([
    ...['a', 'a/out', 'a/out/index.html', 'a/out/model', 'a/out/model/weights.bin'],
  ]);
  expect(read('model/weights.bin')).toBe('onetwo');
});

it('leaves what is there alone, unless it is told to replace files of the same names', async () => {
  mkdirSync(join(out, 'model'), { recursive: true });
  writeFileSync(join(out, 'index.html'), 'mine');
  writeFileSync(join(out, 'model', 'mine.bin'), 'mine');
  await expect(writeFiles(out, files, false, quiet)).rejects.toMatchObject({
    code: 'export-exists',
    message: `expected a new or empty directory for the export, found files in ${out}: index.html, model`,
  });
  expect(read('index.html')).toBe('mine');
  await writeFiles(out, files, true, quiet);
  expect(read('index.html')).toBe('page');
  expect(read('model/mine.bin')).toBe('mine');
  expect(tree(join(parent, 'a'))).toEqual([
    ...['out', 'out/index.html', 'out/model', 'out/model/mine.bin', 'out/model/weights.bin'],
  ]);
});

it('fills an empty directory, and takes none for something else', async () => {
  mkdirSync(out, { recursive: true });
  await writeFiles(out, files, false, quiet);
  expect(read('index.html')).toBe('page');
  const file = join(parent, 'file');
  writeFileSync(file, 'mine');
  await expect(assertWritable(file, true)).rejects.toMatchObject({ code: 'export-exists' });
});

const otherDisk = '/dev/shm';
const hasOtherDisk = existsSync(otherDisk) && statSync(otherDisk).dev !== statSync(tmpdir()).dev;

it.runIf(hasOtherDisk)('fills an empty directory on a disk that is not its parent’s', async () => {
  const elsewhere = mkdtempSync(join(otherDisk, 'gru-lm-export-'));
  try {
    mkdirSync(join(parent, 'a'));
    symlinkSync(elsewhere, out);
    await writeFiles(out, files, false, quiet);
    expect(tree(elsewhere)).toEqual(['index.html', 'model', 'model/weights.bin']);
    expect(readdirSync(join(parent, 'a'))).toEqual(['out']);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

it('writes nothing beside a directory that is there', async () => {
  mkdirSync(out, { recursive: true });
  let beside: string[] = [];
  const watching: ExportedFile = {
    name: 'model.json',
    content: (function* () {
      beside = readdirSync(join(parent, 'a'));
      yield bytes('{}');
    })(),
  };
  await writeFiles(out, [watching], false, quiet);
  expect(beside).toEqual(['out']);
  expect(tree(out)).toEqual(['model.json']);
});

it('takes back what it had moved to its place when the rest cannot be', async () => {
  mkdirSync(join(out, 'index.html'), { recursive: true });
  mkdirSync(join(out, 'empty'));
  writeFileSync(join(out, 'index.html', 'mine'), 'mine');
  const more: ExportedFile = { name: 'empty/a/b/c.json', content: bytes('{}') };
  await expect(writeFiles(out, [more, ...files], true, quiet)).rejects.toMatchObject({
    code: 'export-write',
  });
  expect(tree(out)).toEqual(['empty', 'index.html', 'index.html/mine']);
});

it('leaves nothing behind of an export that fails or is stopped', async () => {
  const failing: ExportedFile = {
    name: 'model.json',
    content: (function* () {
      yield bytes('half');
      throw new Error('no more');
    })(),
  };
  await expect(writeFiles(out, [...files, failing], false, quiet)).rejects.toMatchObject({
    code: 'export-write',
    message: expect.stringContaining('could not: no more'),
  });
  expect(tree(parent)).toEqual(['a']);
  const stopped = AbortSignal.abort(new Error('stopped'));
  await expect(writeFiles(out, files, false, stopped)).rejects.toThrow('stopped');
  expect(tree(parent)).toEqual(['a']);
});

it.skipIf(process.getuid?.() === 0)('says where it may not write', async () => {
  chmodSync(parent, 0o500);
  await expect(writeFiles(out, files, false, quiet)).rejects.toMatchObject({
    code: 'export-write',
    hint: expect.stringContaining('--out'),
  });
  chmodSync(parent, 0o700);
});
