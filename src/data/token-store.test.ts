import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../errors.ts';
import type { TokenWriter } from './token-entry.ts';
import { openTokens, type StoredTokens } from './token-store.ts';

const KEY = 'a1b2c3d4';
const OTHER_KEY = '00ff00ff';

let root: string;
/** Does not exist yet. */
let store: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gru-lm-token-store-'));
  store = join(root, 'cache', 'tokens');
});
afterEach(() => rm(root, { recursive: true }));

const train = Array.from({ length: 1000 }, (_, i) => (i * i) % 300);
const valid = [7, 299, 0];

async function produce(writer: TokenWriter): Promise<{ name: string }> {
  await writer.begin('train', 300);
  await writer.write(Int32Array.from(train.slice(0, 400)));
  await writer.write(Int32Array.from(train.slice(400)));
  await writer.begin('valid', 300);
  await writer.write(Int32Array.from(valid));
  await writer.begin('test', 300);
  return { name: 'böök' };
}

/** A part's tokens; none of a part that is not there. */
function tokensOf({ parts }: Pick<StoredTokens<unknown>, 'parts'>, part: string): number[] {
  const sequence = parts.get(part);
  const ids = new Int32Array(sequence?.length ?? 0);
  sequence?.read(0, ids);
  return [...ids];
}

function expectProduced(opened: StoredTokens<unknown>): void {
  expect([...opened.parts.keys()]).toEqual(['train', 'valid', 'test']);
  expect(tokensOf(opened, 'train')).toEqual(train);
  expect(tokensOf(opened, 'valid')).toEqual(valid);
  expect(tokensOf(opened, 'test')).toEqual([]);
  expect(opened.meta).toEqual({ name: 'böök' });
}

async function failureOf(opening: Promise<unknown>): Promise<UserError> {
  const failure = await opening.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(UserError);
  return failure as UserError;
}

describe('the token store', () => {
  it('keeps what was produced, and gives it back without producing it again', async () => {
    const first = await openTokens(store, KEY, produce);
    expect([first.wasCached, first.isKept]).toEqual([false, true]);
    expectProduced(first);
    await first.close();
    expect((await readdir(store)).sort()).toEqual([KEY]);
    expect((await readdir(join(store, KEY))).sort()).toEqual(
      ['test.ids', 'tokens.json', 'train.ids', 'valid.ids'].sort(),
    );
    expect((await stat(join(store, KEY, 'train.ids'))).size).toBe(2000);

    const second = await openTokens(store, KEY, () => Promise.reject(new Error('not again')));
    expect([second.wasCached, second.isKept]).toEqual([true, true]);
    expectProduced(second);
    await second.close();
  });

  it('gives those that build the same at once one and the same entry', async () => {
    let waiting = 0;
    let release = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    const opened = await Promise.all(
      [1, 2].map(() =>
        openTokens(store, KEY, async (writer) => {
          waiting += 1;
          if (waiting === 2) release();
          await both;
          return produce(writer);
        }),
      ),
    );
    for (const tokens of opened) {
      expect(tokens.isKept).toBe(true);
      expectProduced(tokens);
      await tokens.close();
    }
    expect(await readdir(store)).toEqual([KEY]);
  });

  it('leaves an entry that is removed to those who have it open', async () => {
    const opened = await openTokens(store, KEY, produce);
    await rm(store, { recursive: true });
    expectProduced(opened);
    await opened.close();
  });

  const file = (name: string) => join(store, KEY, name);
  const editRecord = async (edit: (record: Record<string, unknown>) => void) => {
    const record = JSON.parse(await readFile(file('tokens.json'), 'utf8'));
    edit(record);
    await writeFile(file('tokens.json'), JSON.stringify(record));
  };
  it.each<[string, () => Promise<unknown>]>([
    ['without its record', () => rm(file('tokens.json'))],
    ['with half a record', () => truncate(file('tokens.json'), 40)],
    ['with a record of nothing', () => writeFile(file('tokens.json'), 'null')],
    ['with other JSON for a record', () => writeFile(file('tokens.json'), '{"parts":[null]}')],
    [
      'of another version',
      () =>
        editRecord((record) => {
          record.version = 2;
        }),
    ],
    [
      'whose record does not agree with itself',
      () =>
        editRecord((record) => {
          Object.assign((record.parts as { train: object }).train, { bytesPerToken: 4 });
        }),
    ],
    [
      'whose record names a file elsewhere',
      () =>
        editRecord((record) => {
          record.parts = { '../x': (record.parts as { train: object }).train };
        }),
    ],
    ['whose file is too short', () => truncate(file('train.ids'), 1998)],
    ['whose file is too long', () => truncate(file('train.ids'), 2002)],
    ['that lacks a file', () => rm(file('valid.ids'))],
    ['with an id that cannot be', () => writeFile(file('valid.ids'), Buffer.alloc(6, 0xff))],
    [
      'that is a file',
      async () => {
        await rm(join(store, KEY), { recursive: true });
        await writeFile(join(store, KEY), 'x');
      },
    ],
    [
      'that is empty',
      async () => {
        await rm(join(store, KEY), { recursive: true });
        await mkdir(join(store, KEY));
      },
    ],
  ])('replaces an entry %s', async (_, damage) => {
    await (await openTokens(store, KEY, produce)).close();
    await damage();
    for (const wasCached of [false, true]) {
      const opened = await openTokens(store, KEY, produce);
      expect([opened.wasCached, opened.isKept]).toEqual([wasCached, true]);
      expectProduced(opened);
      await opened.close();
    }
    expect(await readdir(store)).toEqual([KEY]);
  });

  it('leaves nothing of what was not finished', async () => {
    const failing = openTokens(store, KEY, async (writer) => {
      await produce(writer);
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    const controller = new AbortController();
    const aborted = openTokens(
      store,
      KEY,
      async (writer) => {
        await writer.begin('train', 300);
        await writer.write(Int32Array.of(1));
        controller.abort(new Error('enough'));
        await writer.write(Int32Array.of(2));
      },
      { signal: controller.signal },
    );
    await expect(aborted).rejects.toThrow('enough');
    await expect(openTokens(store, KEY, produce, { signal: controller.signal })).rejects.toThrow(
      'enough',
    );
    expect(await readdir(store)).toEqual([]);
  });

  it('takes parts of letters, each once, and tokens only for a part', async () => {
    await openTokens(store, KEY, async (writer) => {
      await expect(writer.write(Int32Array.of(1))).rejects.toThrow('expected a part to be begun');
      await writer.begin('train', 300);
      await expect(writer.begin('train', 300)).rejects.toThrow(RangeError);
      await writer.begin('constructor', 300);
      for (const name of ['train', '../x', '']) {
        await expect(writer.begin(name, 300)).rejects.toThrow(RangeError);
      }
    });
    await expect(openTokens(store, '../escape', produce)).rejects.toThrow(RangeError);
  });

  /** Does `use` while the files that are open refuse one of their methods where `isRefused` says so. */
  async function withRefusal<Result>(
    method: 'write' | 'sync',
    code: string,
    isRefused: () => boolean,
    use: () => Promise<Result>,
  ): Promise<Result> {
    const probe = await open(join(root, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(probe);
    const original = prototype[method];
    const spy = vi.spyOn(prototype, method).mockImplementation(function (this: unknown, ...args) {
      if (!isRefused()) return original.apply(this, args);
      throw Object.assign(new Error(`${code}: no, ${method}`), { code, syscall: method });
    });
    try {
      return await use();
    } finally {
      spy.mockRestore();
      await probe.close();
    }
  }
  const always = () => true;

  it('says what to do where the disk is full, and leaves nothing there', async () => {
    const { code, message, hint } = await withRefusal('write', 'ENOSPC', always, () =>
      failureOf(openTokens(store, KEY, produce)),
    );
    expect(code).toBe('token-cache-full');
    expect(message).toBe(
      `expected room for the tokens of the text, more than 2000 bytes, in ${store}, found none`,
    );
    expect(hint).toBe('Make room there, or name a directory on a larger disk in GRU_LM_CACHE.');
    expect(await readdir(store)).toEqual([]);
  });

  const unwritten = (reason: string) => ({
    code: 'token-cache-unwritten',
    message: `expected to keep the tokens of the text in ${store}, could not: ${reason}`,
    hint:
      'Check the disk and the limits of the process (ulimit -a), or name another directory in ' +
      'GRU_LM_CACHE.',
  });

  it.each(['EFBIG', 'EIO', 'EMFILE'])('says what to do where the system says %s', async (code) => {
    await withRefusal('write', code, always, async () => {
      const failure = await failureOf(openTokens(store, KEY, produce));
      expect(failure).toMatchObject(unwritten(`${code}: no, write`));
    });
    expect(await readdir(store)).toEqual([]);
  });

  it('says the same where an entry that was made cannot be put in its place', async () => {
    const isInPlace = () => existsSync(join(store, KEY));
    await withRefusal('sync', 'EIO', isInPlace, async () => {
      const failure = await failureOf(openTokens(store, KEY, produce));
      expect(failure).toMatchObject(unwritten('EIO: no, sync'));
    });
    const gone = openTokens(store, KEY.repeat(2), async (writer) => {
      await produce(writer);
      await rm(store, { recursive: true });
    });
    expect(await failureOf(gone)).toMatchObject({ code: 'token-cache-unwritten' });
  });

  it('says the same where no directory can be made, and leaves other errors as they are', async () => {
    const long = join(store, 'x'.repeat(300));
    const { code, message } = await failureOf(openTokens(long, KEY, produce));
    expect(code).toBe('token-cache-unwritten');
    expect(message).toMatch(/x, could not: ENAMETOOLONG: /);
    const wrong = openTokens(store, KEY, async (writer) => {
      await writer.begin('train', 3);
      await writer.write(Int32Array.of(3));
    });
    await expect(wrong).rejects.toThrow(RangeError);
  });
});

describe('a store that cannot be written', () => {
  const temporaries = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith('gru-lm-tokens-'));

  it.each<[string, () => Promise<string>, boolean]>([
    [
      'is a file',
      async () => {
        await writeFile(join(root, 'file'), '');
        return join(root, 'file', 'tokens');
      },
      true,
    ],
    ['cannot be made', () => Promise.resolve('/proc/gru-lm/tokens'), process.platform === 'linux'],
    [
      'is read-only',
      async () => {
        await mkdir(store, { recursive: true });
        await chmod(store, 0o555);
        return store;
      },
      process.platform !== 'win32' && process.getuid?.() !== 0,
    ],
  ])('since it %s is done without', async (_, make, isHere) => {
    if (!isHere) return;
    const directory = await make();
    const before = await temporaries();
    const opened = await openTokens(directory, KEY, produce);
    expect([opened.wasCached, opened.isKept]).toEqual([false, false]);
    expectProduced(opened);
    await opened.close();
    expect(await temporaries()).toEqual(before);
  });
});

describe('pruning', () => {
  /** Puts in an entry of about `bytes` bytes that was last used so many seconds ago. */
  async function entry(key: string, bytes: number, secondsAgo: number): Promise<void> {
    const write = async (writer: TokenWriter) => {
      await writer.begin('train', 300);
      await writer.write(new Int32Array(bytes / 2));
    };
    await (await openTokens(store, key, write)).close();
    await use(key, secondsAgo);
  }
  async function use(key: string, secondsAgo: number): Promise<void> {
    const at = new Date(Date.now() - 1000 * secondsAgo);
    await utimes(join(store, key, 'tokens.json'), at, at);
  }
  const keys = async () => (await readdir(store)).sort();

  it('removes what was not used for longest until the store keeps to its limit', async () => {
    await entry('aaaaaaaa', 10_000, 10);
    await entry('bbbbbbbb', 10_000, 30);
    await entry('cccccccc', 10_000, 20);
    await (await openTokens(store, 'bbbbbbbb', produce)).close(); // used now
    await writeFile(join(store, 'README'), 'not ours');
    // Their records take a little each.
    const opened = await openTokens(store, KEY, produce, { limitBytes: 24_000 });
    expect(await keys()).toEqual(['README', KEY, 'aaaaaaaa', 'bbbbbbbb'].sort());
    await opened.close();
    await (await openTokens(store, OTHER_KEY, produce, { limitBytes: 15_500 })).close();
    expect(await keys()).toEqual(['README', OTHER_KEY, KEY, 'bbbbbbbb'].sort());
  });

  it('never removes the entry in use, however small the limit', async () => {
    await entry('aaaaaaaa', 1000, 10);
    const opened = await openTokens(store, KEY, produce, { limitBytes: 0 });
    expectProduced(opened);
    await opened.close();
    expect(await keys()).toEqual([KEY]);
  });

  it('removes entries of other versions', async () => {
    for (const key of ['aaaaaaaa', 'bbbbbbbb']) await entry(key, 1000, 0);
    await writeFile(
      join(store, 'aaaaaaaa', 'tokens.json'),
      JSON.stringify({ format: 'gru-lm tokens', version: 0, parts: {} }),
    );
    await (await openTokens(store, KEY, produce)).close();
    expect(await keys()).toEqual([KEY, 'bbbbbbbb'].sort());
  });
});
