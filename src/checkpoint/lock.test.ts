import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../errors.ts';
import { assertNotLocked, type LockTiming, lockRun } from './lock.ts';
import { isLockName } from './lock-file.ts';
import { type LockOwner, thisProcess } from './lock-owner.ts';

const links = vi.hoisted(() => ({ areRefused: false }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const link: typeof original.link = async (...args) => {
    if (links.areRefused) {
      throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
    }
    await original.link(...args);
  };
  return { ...original, link };
});

/** Silence is quickly proven; nothing is renewed while a test runs. */
const QUICK: LockTiming = { renewMs: 1e6, staleMs: 60_000, watchMs: 60 };
const NO_PID = 2 ** 22 + 1;

let root: string;
let run: string;
let lockFile: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gru-lm-lock-'));
  run = join(root, 'run');
  lockFile = join(run, '.lock');
});
afterEach(async () => {
  links.areRefused = false;
  await rm(root, { recursive: true });
});

function owner(change: Partial<LockOwner> = {}, nonce = 'a'): LockOwner {
  return {
    ...thisProcess(),
    nonce: nonce.repeat(32),
    since: '2026-01-02T03:04:05.000Z',
    ...change,
  };
}

const gone = (nonce?: string) => owner({ pid: NO_PID }, nonce);
const elsewhere = () => owner({ processTable: 'another', host: 'elsewhere', pid: 77 });

/** Leaves a lock, or a claim to one, as `content` says, last renewed so long ago. */
async function leave(content: LockOwner | string, agoMs = 0, path = lockFile): Promise<void> {
  await mkdir(run, { recursive: true });
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  await age(path, agoMs);
}

async function age(path: string, agoMs: number): Promise<void> {
  const time = new Date(Date.now() - agoMs);
  await utimes(path, time, time);
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

/** Takes the lock, finds it to be this process's, and gives it back without leaving anything. */
async function expectFree(): Promise<void> {
  const lock = await lockRun(run, QUICK);
  expect(await readdir(run)).toEqual(['.lock']);
  expect(JSON.parse(await readFile(lockFile, 'utf8'))).toMatchObject(thisProcess());
  await lock.ensureHeld();
  await lock.release();
  expect(await readdir(run)).toEqual([]);
}

describe('a lock', () => {
  it('is held by one, and leaves nothing behind', async () => {
    const lock = await lockRun(run);
    const error = await failure(lockRun(run));
    expect(error.code).toBe('run-locked');
    expect(error.message).toMatch(
      new RegExp(
        `^expected a run that nothing else writes, found ${run} in use by process ${process.pid} ` +
          `on ${hostname()} since \\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z$`,
      ),
    );
    expect(error.hint).toBe('Wait until it ends, stop it, or give another directory with --out.');
    expect(await readdir(run)).toEqual(['.lock']);
    await lock.release();
    await expectFree();
  });

  it('can be asked after, which changes nothing', async () => {
    await assertNotLocked(run);
    const lock = await lockRun(run);
    const files = await readdir(run);
    await expect(assertNotLocked(run)).rejects.toMatchObject({ code: 'run-locked' });
    expect(await readdir(run)).toEqual(files);
    await lock.release();
    await writeFile(lockFile, JSON.stringify(owner({ pid: NO_PID })));
    await assertNotLocked(run);
    expect(await readdir(run)).toEqual(['.lock']);
  });

  it('is its owner’s by whatever clock, as long as the owner lives', async () => {
    const lock = await lockRun(run);
    for (const agoMs of [1e12, -1e12]) {
      await age(lockFile, agoMs);
      expect((await failure(lockRun(run, QUICK))).code).toBe('run-locked');
      await lock.ensureHeld();
    }
    await lock.release();
  });

  it('is renewed', async () => {
    const lock = await lockRun(run, { ...QUICK, renewMs: 5 });
    const content = await readFile(lockFile);
    await age(lockFile, 1e9);
    await expect
      .poll(async () => Date.now() - (await stat(lockFile)).mtimeMs, { timeout: 30_000 })
      .toBeLessThan(1e8);
    expect(await readFile(lockFile)).toEqual(content);
    await lock.release();
  });

  it('needs no hard links', async () => {
    links.areRefused = true;
    await expectFree();
    const lock = await lockRun(run);
    expect((await failure(lockRun(run))).code).toBe('run-locked');
    await lock.release();
    await leave(gone());
    await expectFree();
  });

  it('cannot be had in a directory that cannot be written, which the message names', async () => {
    await writeFile(join(root, 'file'), '');
    const error = await failure(lockRun(join(root, 'file', 'run')));
    expect(error.code).toBe('checkpoint-write');
    expect(error.message).toContain(`found ${join(root, 'file', 'run')}: ENOTDIR`);
  });

  it('takes names that are known to be a lock’s', () => {
    const id = '0123456789abcdef0123456789abcdef';
    expect(['.lock', `.lock-${id}`, '.lock-owner.json'].map(isLockName)).toEqual([
      true,
      true,
      true,
    ]);
    expect(['lock', '.lock-', `.lock-${id}0`, `x.lock-${id}`].some(isLockName)).toBe(false);
  });
});

describe('a lock that was left', () => {
  it.each([0, 1e12, -1e12])(
    'by a process that is gone is taken at once (%d ms ago)',
    async (agoMs) => {
      await leave(gone(), agoMs);
      // Waiting would never end.
      const lock = await lockRun(run, { ...QUICK, watchMs: 1e9 });
      await lock.ensureHeld();
      await lock.release();
      expect(await readdir(run)).toEqual([]);
    },
  );

  it('in a directory that was renamed since is taken at once', async () => {
    await leave(gone());
    await rename(run, join(root, 'other'));
    run = join(root, 'other');
    lockFile = join(run, '.lock');
    await expectFree();
  });

  it('by another machine is held until it has not been renewed for long', async () => {
    await leave(elsewhere(), 30_000);
    const error = await failure(lockRun(run, QUICK));
    expect(error.code).toBe('run-locked');
    expect(error.message).toMatch(
      /in use by process 77 on elsewhere since 2026-01-02T03:04:05.000Z, last heard of 3\d s ago$/,
    );
    expect(error.hint).toContain(`If it is known to be gone, remove ${lockFile}.`);
    await age(lockFile, 61_000);
    await expectFree();
  });

  it('by another machine is held while its time lies ahead: the clock may have gone back', async () => {
    await leave(elsewhere(), -1e9);
    const error = await failure(lockRun(run, QUICK));
    expect(error.message).toMatch(/since 2026-01-02T03:04:05.000Z$/);
    expect(error.hint).toContain(lockFile);
  });

  it('by another machine is held if it is renewed after all: the clock may have gone forward', async () => {
    await leave(elsewhere(), 1e9);
    let agoMs = 1e9;
    const timer = setInterval(() => {
      agoMs -= 10_000;
      void age(lockFile, agoMs);
    }, 10);
    const error = await failure(lockRun(run, { ...QUICK, watchMs: 20_000 }));
    clearInterval(timer);
    expect(error.code).toBe('run-locked');
    expect(await readdir(run)).toEqual(['.lock']);
  });

  it.each(['', '{"pid":', '\0'.repeat(100_000)])(
    'without an owner counts by its time (%#)',
    async (content) => {
      await leave(content, 0);
      expect((await failure(lockRun(run, QUICK))).message).toContain('in use by another process');
      await age(lockFile, 61_000);
      await expectFree();
    },
  );

  it('by version 0.1, a directory, counts by its time', async () => {
    await mkdir(lockFile, { recursive: true });
    await writeFile(join(run, '.lock-owner.json'), '{}');
    expect((await failure(lockRun(run, QUICK))).message).toContain('in use by another process');
    await age(lockFile, 61_000);
    await expectFree();
  });

  it('as something that is no file is not read', async () => {
    await mkdir(run);
    await symlink('/dev/zero', lockFile);
    expect((await failure(lockRun(run, QUICK))).message).toContain('in use by another process');
    await rm(lockFile);
    if (process.platform === 'win32') return;
    execFileSync('mkfifo', [lockFile]);
    expect((await failure(lockRun(run, QUICK))).message).toContain('in use by another process');
  });
});

describe('a lock whose takeover was cut short', () => {
  const claim = (nonce: string) => join(run, `.lock-${nonce.repeat(32)}`);

  it('by a kill, and another one, is taken at once', async () => {
    await leave(gone('a'));
    await leave(gone('b'), 0, claim('a'));
    await leave(gone('c'), 0, claim('b'));
    await expectFree();
  });

  it('after the lock had been removed leaves nothing', async () => {
    await leave(gone('b'), 0, claim('a'));
    await leave(gone('b'), 0, join(run, '.tmp-123-0a1b2c'));
    await expectFree();
  });

  it('is that of the process which goes on with it', async () => {
    await leave(gone('a'));
    await leave(owner({}, 'b'), 0, claim('a'));
    expect((await failure(lockRun(run, QUICK))).message).toContain(`process ${process.pid} on`);
    expect((await readdir(run)).length).toBe(2);
  });

  it('does not keep a process busy for ever, whatever the files say', async () => {
    await leave(gone('a'));
    await leave(gone('a'), 0, claim('a'));
    expect((await failure(lockRun(run, QUICK))).code).toBe('run-locked');
  });
});

describe('a lock that is held', () => {
  it.each(['the lock', 'the directory'])('is taken anew where %s has vanished', async (what) => {
    const lock = await lockRun(run);
    const content = await readFile(lockFile);
    await rm(what === 'the lock' ? lockFile : run, { recursive: true });
    await lock.ensureHeld();
    expect(await readFile(lockFile)).toEqual(content);
    await lock.release();
    expect(await readdir(run)).toEqual([]);
  });

  it('is lost if another process has it, and stays that one’s', async () => {
    const lock = await lockRun(run);
    await leave(elsewhere(), 1e9);
    const error = await failure(lock.ensureHeld());
    expect(error.code).toBe('run-lock-lost');
    expect(error.message).toBe(
      `expected to be the only writer of ${run}, found its lock taken by process 77 on elsewhere ` +
        'since 2026-01-02T03:04:05.000Z',
    );
    expect(error.hint).toContain('--resume');
    await lock.release();
    expect(JSON.parse(await readFile(lockFile, 'utf8'))).toEqual(elsewhere());
  });
});

const CONTEND = `
  const { lockRun } = await import(process.argv[1]);
  process.setMaxListeners(0);
  console.log('ready');
  const { createInterface } = await import('node:readline');
  for await (const directory of createInterface(process.stdin)) {
    console.log(await lockRun(directory).then(() => 'held', (error) => error.code));
  }
`;

describe.runIf(process.platform === 'linux')('among processes', () => {
  /** A process that tries for the lock of each directory it is told, and keeps what it gets. */
  function contender() {
    const module = new URL('./lock.ts', import.meta.url).href;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', CONTEND, module],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const answer = async () => (await lines.next()).value as string;
    return { child, answer };
  }

  it('that find a dead one’s lock together, exactly one takes it', async () => {
    const contenders = Array.from({ length: 5 }, contender);
    try {
      for (const { answer } of contenders) expect(await answer()).toBe('ready');
      for (let round = 0; round < 40; round += 1) {
        run = join(root, `run-${round}`);
        await leave(gone('a'), 0, join(run, '.lock'));
        // Some find that one was killed before them while it took the lock.
        if (round % 2 === 1) await leave(gone('b'), 0, join(run, `.lock-${'a'.repeat(32)}`));
        for (const { child } of contenders) child.stdin.write(`${run}\n`);
        const answers = await Promise.all(contenders.map(({ answer }) => answer()));
        expect(answers.sort()).toEqual(['held', ...Array(4).fill('run-locked')]);
        expect(await readdir(run)).toEqual(['.lock']);
      }
    } finally {
      for (const { child } of contenders) child.kill('SIGKILL');
    }
  });

  it('a process that ends without releasing its lock leaves none, but for a kill', async () => {
    for (const [end, left] of [
      ['process.exit()', []],
      ['throw new Error("a bug")', []],
      ['process.kill(process.pid, "SIGKILL")', ['.lock']],
    ] as const) {
      const module = new URL('./lock.ts', import.meta.url).href;
      const code = `const { lockRun } = await import(process.argv[1]); await lockRun(process.argv[2]); ${end}`;
      const args = ['--import', 'tsx', '--input-type=module', '-e', code, module, run];
      await once(spawn(process.execPath, args, { stdio: 'ignore' }), 'exit');
      expect(await readdir(run)).toEqual(left);
    }
    await expectFree();
  });
});
