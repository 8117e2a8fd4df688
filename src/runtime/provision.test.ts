import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import type { RuntimeContext } from './context.ts';
import { readHost } from './host.ts';
import { provision } from './provision.ts';
import { type Delivery, Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
const wheel = shop.wheel();
afterAll(() => shop.remove());

/** Runs a provisioning that should fail, and gives back how. */
async function failure(context: RuntimeContext): Promise<UserError> {
  const error = await provision(context, 'cpu').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

function cacheEntries(context: RuntimeContext): string[] {
  return existsSync(context.cacheDirectory) ? readdirSync(context.cacheDirectory) : [];
}

/** The same cache on a machine where nothing is amiss gets a whole runtime. */
async function expectGoodRunAfter(context: RuntimeContext): Promise<void> {
  const { cacheDirectory } = context;
  const good = shop.context(wheel, { cacheDirectory });
  const { binding: built, operations } = await provision(good, 'cpu');
  expect(existsSync(built.bindingPath)).toBe(true);
  expect(existsSync(built.tensorflow.ccLibrary)).toBe(true);
  expect(existsSync(operations.built?.addonPath ?? '')).toBe(true);
  expect(cacheEntries(good).sort()).toEqual([
    basename(built.directory),
    'onednn-cpu-gomp-2023.2.0-linux-x64',
    basename(operations.built?.directory ?? ''),
    'tensorflow-cpu-2.21.0-linux-x64',
  ]);
}

describe('a first run', () => {
  it('fetches, checks, unpacks only what is named, builds, and leaves nothing else', async () => {
    const context = shop.context(wheel);
    const { binding: built } = await provision(context, 'cpu');
    const kept = readdirSync(built.tensorflow.directory, { recursive: true, withFileTypes: true });
    expect(
      kept
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name)
        .sort(),
    ).toEqual([
      'c_api.h',
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
      'manifest.json',
    ]);
    const phases = context.events.filter((event) => event.type === 'phase');
    expect(phases.map((event) => event.phase).slice(0, 3)).toEqual(['fetch', 'verify', 'unpack']);
    await expectGoodRunAfter(context);
  });

  it('is the only one that fetches: a second finds everything there', async () => {
    const context = shop.context(wheel);
    await provision(context, 'cpu');
    const second = shop.context(wheel, { cacheDirectory: context.cacheDirectory });
    await provision(second, 'cpu');
    expect(second.events).toEqual([]);
  });

  it('works with the real pip and a directory of wheels', async () => {
    const env = { GRU_LM_PYTHON: 'python3', PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheel.directory };
    const context = shop.context(wheel, { env });
    await provision(context, 'cpu');
    await expectGoodRunAfter(context);
  });

  it('is repeated with force, and after a file of it was damaged', async () => {
    const context = shop.context(wheel);
    const { binding: built } = await provision(context, 'cpu');
    await provision(context, 'cpu', { force: true });
    truncateSync(built.tensorflow.ccLibrary, 10);
    await provision(context, 'cpu');
    const fetches = context.events.filter(
      (event) => event.type === 'done' && event.phase === 'fetch',
    );
    // TensorFlow and the two wheels of oneDNN; the damage was to TensorFlow alone.
    expect(fetches).toHaveLength(3 + 3 + 1);
    await expectGoodRunAfter(context);
  });
});

describe('a machine that lacks something', () => {
  const python = realpathSync(
    execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
      encoding: 'utf8',
    }).trim(),
  );

  it('without Python names Python and the setting', async () => {
    const context = shop.context(wheel, {
      env: { PATH: shop.directory('empty-path'), GRU_LM_PYTHON: '' },
    });
    const error = await failure(context);
    expect(error.message).toBe(
      'TensorFlow is fetched by pip, which needs Python 3; no python3 or python is on the PATH.',
    );
    expect(error.hint).toContain('apt install python3-pip');
    await expectGoodRunAfter(context);
  });

  it('with a GRU_LM_PYTHON that is none says so', async () => {
    const error = await failure(shop.context(wheel, { env: { GRU_LM_PYTHON: '/no/python' } }));
    expect(error.message).toBe(
      'GRU_LM_PYTHON should name a Python 3.8 or newer; "/no/python" cannot be run as one.',
    );
  });

  it('with a Python without pip names that Python and how to get pip', async () => {
    const venv = join(shop.root, 'venv');
    execFileSync(python, ['-m', 'venv', '--without-pip', venv]);
    const command = join(venv, 'bin', 'python');
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: command } });
    const error = await failure(context);
    expect(error.message).toMatch(
      /^TensorFlow is fetched by pip; .*python \(Python 3\..*\) has no pip\.$/,
    );
    expect(error.hint).toContain('ensurepip');
    await expectGoodRunAfter(context);
  });

  it('without a compiler says so before it downloads anything', async () => {
    const path = shop.directory('python-only');
    symlinkSync(python, join(path, 'python3'));
    const context = shop.context(wheel, { env: { PATH: path, CXX: '', GRU_LM_PYTHON: 'python3' } });
    const error = await failure(context);
    expect(error.message).toBe(
      'The binding to TensorFlow must be built by a C++ compiler; no c++, g++ or clang++ is on the PATH.',
    );
    expect(error.hint).toContain('apt install g++');
    expect(context.events).toEqual([]);
    await expectGoodRunAfter(context);
  });

  it('with a compiler that fails quotes it, and keeps what was fetched', async () => {
    const broken = shop.file(
      'bin/broken-c++',
      `#!/bin/sh
[ "$1" = --version ] && { echo 'broken c++ 0.1'; exit 0; }
echo 'tfjs_backend.cc:1:1: error: unknown language' >&2; exit 1
`,
      0o755,
    );
    const context = shop.context(wheel, { env: { CXX: broken } });
    const error = await failure(context);
    expect(error.message).toBe(
      'The binding to TensorFlow did not compile with broken c++ 0.1: tfjs_backend.cc:1:1: error: unknown language',
    );
    expect(cacheEntries(context)).toContain('tensorflow-cpu-2.21.0-linux-x64');
    expect(cacheEntries(context).filter((name) => /^(tmp|binding)-/.test(name))).toEqual([]);
    await expectGoodRunAfter(context);
  });

  it('with musl says that glibc is needed', async () => {
    const host = { ...readHost(), platform: 'linux' as const, arch: 'x64', glibc: undefined };
    const error = await failure(shop.context(wheel, { host }));
    expect(error.message).toBe(
      'TensorFlow 2.21.0 needs glibc 2.27 or newer; this system has another C library (musl?).',
    );
    expect(error.hint).toContain('--backend wasm');
  });

  it('with an old glibc names both versions', async () => {
    const host = { ...readHost(), platform: 'linux' as const, arch: 'x64', glibc: '2.17' };
    const error = await failure(shop.context(wheel, { host }));
    expect(error.message).toBe(
      'TensorFlow 2.21.0 needs glibc 2.27 or newer; this system has 2.17.',
    );
  });

  it('of another kind names itself and the kinds that are served', async () => {
    const host = { ...readHost(), platform: 'win32' as const, arch: 'x64', glibc: undefined };
    const error = await failure(shop.context(wheel, { host }));
    expect(error.message).toBe(
      'TensorFlow 2.21.0 is published for linux-x64; this machine is win32-x64.',
    );
  });

  it('that is told to stay offline fetches nothing and says what it would have fetched', async () => {
    const context = shop.context(wheel, { env: { GRU_LM_OFFLINE: '1' } });
    const error = await failure(context);
    expect(error.message).toMatch(
      /^TensorFlow 2\.21\.0 is not set up, and GRU_LM_OFFLINE forbids fetching it \(\d+ kB\)\.$/,
    );
    expect(error.hint).toContain('gru-lm setup');
    await expectGoodRunAfter(context);
  });

  it('without a network says that the index cannot be reached', async () => {
    const context = shop.context(wheel, {
      env: {
        GRU_LM_PYTHON: 'python3',
        PIP_INDEX_URL: 'http://127.0.0.1:9/simple',
        PIP_RETRIES: '0',
        PIP_FIND_LINKS: '',
      },
    });
    const error = await failure(context);
    expect(error.message).toBe(
      'pip could not download tensorflow-cpu 2.21.0: the package index cannot be reached or does not offer it.',
    );
    expect(error.hint).toContain('pip config list');
    expect(cacheEntries(context)).toEqual([]);
    await expectGoodRunAfter(context);
  });
});

describe('bytes that are not the pinned ones', () => {
  it('are refused by the real pip, whose finding is passed on', async () => {
    const sha256 = '0'.repeat(64);
    const context = shop.context(wheel, {
      pins: [{ ...wheel.pin, sha256 }],
      env: { GRU_LM_PYTHON: 'python3', PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheel.directory },
    });
    const error = await failure(context);
    expect(error.message).toBe(
      `tensorflow-cpu 2.21.0 should have SHA-256 ${sha256}; pip was served a file with ${wheel.pin.sha256}. It was not opened.`,
    );
    expect(cacheEntries(context)).toEqual([]);
    await expectGoodRunAfter(context);
  });

  const size = wheel.pin.bytes;
  const refusals: [Delivery, RegExp][] = [
    [
      'altered',
      new RegExp(
        `should have SHA-256 ${wheel.pin.sha256}; the downloaded file has [0-9a-f]{64}\\. It was not opened\\.$`,
      ),
    ],
    [
      'truncated',
      new RegExp(`should have ${size} bytes; 1000 were downloaded\\. It was not opened\\.$`),
    ],
    [
      'page',
      new RegExp(
        `should have ${size} bytes; 38 were downloaded \\(a web page\\)\\. It was not opened\\.$`,
      ),
    ],
    ['nothing', /^pip should have downloaded tensorflow_cpu-.*\.whl; it left nothing\.$/],
  ];
  it.each(refusals)('are never opened: %s', async (delivery, message) => {
    const context = shop.context(wheel, {
      env: { GRU_LM_PYTHON: shop.python(wheel, delivery) },
    });
    const error = await failure(context);
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('gru-lm setup again');
    expect(context.events.some((event) => 'phase' in event && event.phase === 'unpack')).toBe(
      false,
    );
    expect(cacheEntries(context)).toEqual([]);
    await expectGoodRunAfter(context);
  });
});

describe('an abort', () => {
  const stages: [string, (marker: string) => Record<string, string>][] = [
    ['download', (marker) => ({ GRU_LM_PYTHON: shop.python(wheel, 'stuck', { marker }) })],
    ['build', (marker) => ({ CXX: shop.compiler('stuck-c++', { isStuck: true, marker }) })],
  ];
  it.each(stages)('during the %s ends the child and leaves no debris', async (stage, settings) => {
    const marker = join(shop.root, `${stage}-marker`);
    const controller = new AbortController();
    const context = shop.context(wheel, { env: settings(marker), signal: controller.signal });
    const run = provision(context, 'cpu');
    const reason = new Error('stopped by the user');
    const poll = setInterval(() => existsSync(marker) && controller.abort(reason), 20);
    await expect(run).rejects.toBe(reason);
    clearInterval(poll);
    expect(cacheEntries(context).filter((name) => name.startsWith('tmp-'))).toEqual([]);
    await expectGoodRunAfter(context);
  });
});

describe('a cache that cannot be written', () => {
  it('under a file is named with the reason', async () => {
    const cacheDirectory = join(shop.file('plain-file', ''), 'runtime');
    const error = await failure(shop.context(wheel, { cacheDirectory }));
    expect(error.message).toBe(
      `The native runtime is kept under ${cacheDirectory}; it cannot be a directory (ENOTDIR).`,
    );
    expect(error.hint).toContain('GRU_LM_CACHE');
  });

  it.runIf(process.platform === 'linux')('under /proc is named with the reason', async () => {
    const error = await failure(shop.context(wheel, { cacheDirectory: '/proc/gru-lm/runtime' }));
    expect(error.message).toMatch(/kept under \/proc\/gru-lm\/runtime; it cannot be made there/);
  });

  it.runIf(canMount())('on a read-only file system is named with the reason', async () => {
    const cacheDirectory = join(mountTmpfs('read-only', 'ro'), 'runtime');
    const error = await failure(shop.context(wheel, { cacheDirectory }));
    expect(error.message).toBe(
      `The native runtime is kept under ${cacheDirectory}; it is not writable (EROFS).`,
    );
  });

  it.runIf(canMount())('but was filled before serves as it is', async () => {
    const mount = mountTmpfs('filled', 'size=20m');
    const cacheDirectory = join(mount, 'runtime');
    await provision(shop.context(wheel, { cacheDirectory }), 'cpu');
    execFileSync('mount', ['-o', 'remount,ro', mount]);
    const context = shop.context(wheel, { cacheDirectory });
    await provision(context, 'cpu');
    expect(context.events).toEqual([]);
  });

  it.runIf(canMount())('and lacks only the native operations serves without them', async () => {
    const mount = mountTmpfs('without-operations', 'size=20m');
    const cacheDirectory = join(mount, 'runtime');
    await provision(shop.context(wheel, { cacheDirectory, env: { GRU_LM_NATIVE: '0' } }), 'cpu');
    execFileSync('mount', ['-o', 'remount,ro', mount]);
    const { binding, operations } = await provision(shop.context(wheel, { cacheDirectory }), 'cpu');
    expect(existsSync(binding.bindingPath)).toBe(true);
    expect(operations.refusal?.reason).toContain('it is not writable (EROFS)');
    expect(operations.refusal?.mend).toBe(
      'Name a writable directory in GRU_LM_CACHE, or set GRU_LM_NATIVE=0 to do without.',
    );
  });
});

describe('a disk that is full', () => {
  it('is noticed before the download', async () => {
    const pin = { ...wheel.pin, unpackedBytes: 1e15 };
    const context = shop.context(wheel, { pins: [pin] });
    const error = await failure(context);
    expect(error.message).toMatch(
      /^Fetching and unpacking TensorFlow needs 1100000\.0 GB free under .*; .* are free\.$/,
    );
    expect(error.hint).toContain('GRU_LM_CACHE');
    expect(context.events).toEqual([]);
    await expectGoodRunAfter(context);
  });

  it('is reported when pip meets it', async () => {
    const env = { GRU_LM_PYTHON: shop.python(wheel, 'disk-full') };
    const context = shop.context(wheel, { env });
    const error = await failure(context);
    expect(error.message).toContain('The disk filled up while TensorFlow was set up under');
    await expectGoodRunAfter(context);
  });

  it.runIf(canMount())('is reported when it fills up during the unpacking', async () => {
    const mount = mountTmpfs('tiny', 'size=1m');
    const cacheDirectory = join(mount, 'runtime');
    const pin = { ...wheel.pin, unpackedBytes: 1 };
    const context = shop.context(wheel, { pins: [pin], cacheDirectory });
    const error = await failure(context);
    expect(error.message).toBe(
      `The disk filled up while TensorFlow was set up under ${cacheDirectory}; the unfinished files were removed.`,
    );
    expect(cacheEntries(context)).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=20m', mount]);
    await expectGoodRunAfter(context);
  });
});

const mounts: string[] = [];
afterAll(() => {
  for (const mount of mounts) execFileSync('umount', ['-l', mount]);
});

function mountTmpfs(name: string, options: string): string {
  const path = shop.directory(`mounts/${name}`);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' });
  mounts.push(path);
  return path;
}

/** Only root may mount, and not in every container. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const path = join(shop.root, 'mount-trial');
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path], { stdio: 'pipe' });
    execFileSync('umount', [path], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}
