import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTokens } from './token-store.ts';

const KEY = 'a1b2c3d4';

let store: string;
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), 'gru-lm-token-store-'));
});
afterEach(() => rm(store, { recursive: true }));

/** Writes tokens, a line of output, more tokens when a byte is put in; then says what is there. */
const BUILD = `
  const { once } = await import('node:events');
  const { openTokens } = await import(process.argv[1]);
  const opened = await openTokens(process.argv[2], '${KEY}', async (writer) => {
    await writer.begin('train', 70000);
    await writer.write(new Int32Array(600000).fill(5));
    console.log('begun');
    await once(process.stdin, 'data');
    await writer.write(Int32Array.of(1, 2, 3));
    return process.pid;
  });
  const end = new Int32Array(4);
  const train = opened.parts.get('train');
  train.read(train.length - 4, end);
  const { wasCached, isKept, meta } = opened;
  console.log(JSON.stringify({ end: [...end], wasCached, isKept, pid: process.pid, meta }));
  await opened.close();
  process.exit();
`;

function startBuilder() {
  const module = new URL('./token-store.ts', import.meta.url).href;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', BUILD, module, store],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  return { child, begun: once(child.stdout, 'data') };
}

it('two processes that build the same at once end with one entry, which both use', async () => {
  const builders = [startBuilder(), startBuilder()];
  await Promise.all(builders.map(({ begun }) => begun));
  const results = await Promise.all(
    builders.map(async ({ child }) => {
      child.stdin.write('.');
      return JSON.parse(await text(child.stdout));
    }),
  );
  for (const { end, wasCached, isKept } of results) {
    expect({ end, wasCached, isKept }).toEqual({
      end: [5, 1, 2, 3],
      wasCached: false,
      isKept: true,
    });
  }
  expect(results[0].meta).toBe(results[1].meta);
  expect(results.map(({ pid }) => pid)).toContain(results[0].meta);
  expect(await readdir(store)).toEqual([KEY]);
});

it('what a killed process leaves is neither used nor kept', async () => {
  const { child, begun } = startBuilder();
  await begun;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  expect(await readdir(store)).toEqual([expect.stringMatching(/^\.tmp-[0-9a-f]{8}-\d+-/)]);
  const opened = await openTokens(store, KEY, (writer) => writer.begin('train', 2));
  expect(opened.wasCached).toBe(false);
  await opened.close();
  expect(await readdir(store)).toEqual([KEY]);
});

it('leaves what another host writes until it is a day old', async () => {
  const days = async (path: string, count: number) => {
    const at = new Date(Date.now() - count * 24 * 60 * 60 * 1000);
    await utimes(path, at, at);
  };
  const directory = async (name: string, age: number, fileAge: number) => {
    const path = join(store, name);
    await mkdir(path);
    await writeFile(join(path, 'train.ids'), 'xx');
    await days(join(path, 'train.ids'), fileAge);
    await days(path, age);
  };
  await directory('.tmp-00000000-1-000000000001', 2, 2);
  await directory('.tmp-00000000-1-000000000002', 2, 0.5);
  await directory('.tmp-00000000-1-000000000003', 0.5, 2);
  await directory('.tmp-not-ours', 2, 2);
  await (await openTokens(store, KEY, (writer) => writer.begin('train', 2))).close();
  expect((await readdir(store)).sort()).toEqual([
    '.tmp-00000000-1-000000000002',
    '.tmp-00000000-1-000000000003',
    '.tmp-not-ours',
    KEY,
  ]);
});
