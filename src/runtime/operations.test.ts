import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RuntimeContext } from './context.ts';
import { readHost } from './host.ts';
import { describeCached } from './locate.ts';
import { describeOperations, ensureOperations, findOperations } from './operations.ts';
import { ensureOperationsProbed } from './operations-probe.ts';
import { runChild } from './process.ts';
import { provision } from './provision.ts';
import { type Delivery, outOfTime, Workshop } from './testing/fake-machine.ts';
import { locateTfjsNode } from './tfjs-node.ts';

vi.mock(import('./process.ts'), async (actual) => {
  const all = await actual();
  return { ...all, runChild: vi.fn(all.runChild) };
});

const shop = new Workshop();
const wheel = shop.wheel();
afterAll(() => shop.remove());

const linux = { ...readHost(), platform: 'linux' as const, arch: 'x64', glibc: '2.36' };
const tensorflowIn = (context: RuntimeContext) => describeCached(wheel.pin, context);

/** A compiler that cannot compile for this very processor, as the native operations are. */
const plainCompiler = shop.file(
  'bin/plain-c++',
  `#!/bin/sh
[ "$1" = --version ] && { echo 'plain c++ 1.0'; exit 0; }
case " $* " in *' -march=native '*) echo 'addon.cc:1:1: error: no such processor' >&2; exit 1 ;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
echo addon > "$out"
`,
  0o755,
);

describe('a first run', () => {
  it('fetches oneDNN, unpacks only what is named, and builds the native operations', async () => {
    const log = join(shop.root, 'compiler-log');
    const compiler = shop.compiler('logging-c++', { log });
    const { binding, operations } = await provision(
      shop.context(wheel, { env: { CXX: compiler } }),
      'cpu',
    );
    const { oneDnn, directory, addonPath } = operations.built!;
    const kept = readdirSync(oneDnn.directory, { recursive: true, withFileTypes: true });
    const names = kept.filter((entry) => entry.isFile()).map(({ name }) => name);
    expect(names.sort()).toEqual([
      'LICENSE',
      'THIRD-PARTY-PROGRAMS',
      'dnnl.hpp',
      'libdnnl.so.3',
      'manifest.json',
    ]);
    expect(readdirSync(directory).sort()).toEqual([basename(addonPath), 'manifest.json']);

    const calls = readFileSync(log, 'utf8').split('\n');
    const sources = readdirSync(locateTfjsNode().operationsDirectory).filter((name) =>
      name.endsWith('.cc'),
    );
    for (const name of sources) {
      const call = calls.find((each) => each.includes(`/${name}`));
      expect(call).toContain('-O3 -march=native -mprefer-vector-width=512 -fno-math-errno');
      expect(call).not.toContain('-fopenmp');
    }
    const link = calls.find((each) => each.includes(basename(addonPath)));
    expect(link).toMatch(/libdnnl\.so\.3 .*libtensorflow_cc\.so\.2 .*libtensorflow_framework/);
    expect(link).toContain(`-rpath -Xlinker $ORIGIN/../${basename(oneDnn.directory)}`);
    expect(link).toContain(`-rpath -Xlinker $ORIGIN/../${basename(binding.tensorflow.directory)}`);
  });
});

describe('what is built', () => {
  const directoryOn = async (context: RuntimeContext) =>
    (await describeOperations(context, tensorflowIn(context))).directory;

  it('is for one processor: another one gets its own in the same cache', async () => {
    const context = shop.context(wheel);
    const other = { ...context, host: { ...context.host, processor: 'flags : sse2' } };
    expect(await directoryOn(context)).toBe(await directoryOn({ ...context }));
    expect(await directoryOn(other)).not.toBe(await directoryOn(context));
  });

  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'knows the processor by its model and its features',
    () => expect(readHost().processor).toMatch(/^model name.*\nflags.* sse2 .*$/),
  );

  it('is for one release of oneDNN', async () => {
    const context = shop.context(wheel);
    const newer = { ...context, oneDnnPins: [{ ...wheel.oneDnn, version: '2024.0.0' }] };
    expect(await directoryOn(newer)).not.toBe(await directoryOn(context));
  });
});

describe('native operations that are not wanted', () => {
  it.each([
    ['turned off', 'cpu', { GRU_LM_NATIVE: '0' }],
    ['on a GPU', 'cuda', {}],
  ] as const)('because they are %s are neither fetched nor missed', async (_, device, env) => {
    const context = shop.context(wheel, { env });
    const options = { force: true, retry: true };
    expect(await ensureOperations(context, tensorflowIn(context), device, options)).toEqual({});
    expect(context.events).toEqual([]);
  });
});

describe('native operations that cannot be had', () => {
  const impossible: [string, Parameters<typeof shop.context>[1], string][] = [
    [
      'on another platform',
      { host: { ...linux, arch: 'arm64' } },
      'The native operations are there for linux-x64; this machine is linux-arm64.',
    ],
    [
      'on an old system',
      { host: { ...linux, glibc: '2.17' } },
      'oneDNN 2023.2.0 needs glibc 2.27 or newer; this system has 2.17.',
    ],
    [
      'offline',
      { env: { GRU_LM_OFFLINE: '1' } },
      'oneDNN 2023.2.0 is not set up, and GRU_LM_OFFLINE forbids fetching it (6 kB).',
    ],
  ];
  it.each(impossible)('%s cost nothing to tell', async (_, parts, reason) => {
    const context = shop.context(wheel, parts);
    const tensorflow = tensorflowIn(context);
    const found = await findOperations(context, tensorflow, 'cpu', { retry: true });
    expect(found).toMatchObject({ refusal: { reason } });
    expect(found?.refusal?.mend).toContain('GRU_LM_NATIVE=0');
    expect(existsSync(context.cacheDirectory)).toBe(false);
  });

  const refused: [string, (() => Record<string, string>) | Delivery, RegExp, RegExp][] = [
    ['altered bytes', 'altered', /should have SHA-256 .* It was not opened\.$/, /setup again/],
    ['a web page', 'page', /38 were downloaded \(a web page\)/, /setup again/],
    ['a full disk', 'disk-full', /filled up while oneDNN was set up/, /Free about 150 MB/],
    ['no download', 'nothing', /^pip should have downloaded onednn_cpu/, /setup again/],
    [
      'a compiler that fails',
      () => ({ CXX: plainCompiler }),
      /^The native operations did not compile with plain c\+\+ 1\.0: .* no such processor$/,
      /then run gru-lm setup; or set GRU_LM_NATIVE=0 to do without\.$/,
    ],
  ];
  it.each(refused)(
    'for %s leave TensorFlow as it is, and are not tried again until setup is',
    async (_, cause, reason, mend) => {
      const env =
        typeof cause === 'function'
          ? cause()
          : { GRU_LM_PYTHON: shop.python(wheel, 'wheel', { oneDnn: cause }) };
      const context = shop.context(wheel, { env });
      const first = await provision(context, 'cpu');
      expect(existsSync(first.binding.bindingPath)).toBe(true);
      expect(first.operations.built).toBeUndefined();
      expect(first.operations.refusal?.reason).toMatch(reason);
      expect(first.operations.refusal?.mend).toMatch(mend);
      expect(first.operations.refusal?.mend).toContain('gru-lm setup');
      const names = readdirSync(context.cacheDirectory);
      expect(names.filter((name) => name.startsWith('tmp-'))).toEqual([]);

      const { cacheDirectory } = context;
      const later = shop.context(wheel, { cacheDirectory });
      expect((await provision(later, 'cpu')).operations).toEqual(first.operations);
      expect(later.events).toEqual([]);
      const mended = await provision(later, 'cpu', { retry: true });
      expect(existsSync(mended.operations.built!.addonPath)).toBe(true);
      expect(readdirSync(cacheDirectory).filter((name) => name.includes('failed'))).toEqual([]);
      expect((await provision(later, 'cpu')).operations).toEqual(mended.operations);
    },
  );

  const anew: [string, () => Record<string, string>, RegExp][] = [
    [
      'offline',
      () => ({ GRU_LM_OFFLINE: '1' }),
      /^oneDNN 2023\.2\.0 is to be fetched anew, and GRU_LM_OFFLINE forbids fetching it \(6 kB\)\.$/,
    ],
    [
      'without a download',
      () => ({ GRU_LM_PYTHON: shop.python(wheel, 'wheel', { oneDnn: 'nothing' }) }),
      /^pip should have downloaded onednn_cpu/,
    ],
    [
      'with a compiler that fails',
      () => ({ CXX: plainCompiler }),
      /^The native operations did not compile with plain c\+\+ 1\.0/,
    ],
  ];
  it.each(anew)('anew %s stay as they were', async (_, env, reason) => {
    const { cacheDirectory } = shop.context(wheel);
    const first = await provision(shop.context(wheel, { cacheDirectory }), 'cpu');
    const context = shop.context(wheel, { cacheDirectory, env: env() });
    const options = { force: true, retry: true };
    const outcome = await ensureOperations(context, tensorflowIn(context), 'cpu', options);
    expect(outcome).toEqual({ ...first.operations, isKept: true });
    const told = context.events.find(({ type }) => type === 'notice') as { message: string };
    const [, said] = told.message.split('The native operations stay as they were: ');
    expect(said).toMatch(reason);
    const later = shop.context(wheel, { cacheDirectory });
    expect((await provision(later, 'cpu')).operations).toEqual(first.operations);
  });

  it('because the user stopped it are tried again', async () => {
    const controller = new AbortController();
    const marker = join(shop.root, 'stop-marker');
    const context = shop.context(wheel, {
      env: { GRU_LM_PYTHON: shop.python(wheel, 'wheel', { oneDnn: 'stuck', marker }) },
      signal: controller.signal,
    });
    const reason = new Error('stopped by the user');
    const poll = setInterval(() => existsSync(marker) && controller.abort(reason), 20);
    await expect(provision(context, 'cpu')).rejects.toBe(reason);
    clearInterval(poll);
    const { cacheDirectory } = context;
    const { operations } = await provision(shop.context(wheel, { cacheDirectory }), 'cpu');
    expect(operations.built).toBeDefined();
  });
});

describe('the first load of the native operations, in a process of its own', () => {
  // What the losses are that are asked for: scores of 0, 1/32, … 31/32, half of them twice.
  const bindingPath = shop.file(
    'binding.js',
    `const sum = [...Array(48).keys()].reduce((total, v) => total + Math.exp((v % 32) / 32), 0);
     exports.createTensor = () => 0;
     exports.executeOp = () => [{}, { id: 1 }];
     exports.tensorDataSync = () => [0, 5, 31, 15].map((v) => Math.log(sum) - v / 32);`,
  );
  const good = `module.exports = { oneDnnVersion: '3.2.0', instructionSet: 'avx2', fastBfloat16: false };`;

  /** A machine on which everything is built, and the addon is what `source` says. */
  async function loading(source: string) {
    const context = shop.context(wheel);
    const { binding, operations } = await provision(context, 'cpu');
    const addonPath = shop.file(`${basename(context.cacheDirectory)}-${source.length}.js`, source);
    const built = { ...operations.built!, addonPath };
    const probe = () => ensureOperationsProbed(built, { ...binding, bindingPath }, context);
    context.events.length = 0;
    return { context, probe, built };
  }

  it('is recorded, and spares the next one', async () => {
    const { context, probe } = await loading(good);
    const found = { oneDnnVersion: '3.2.0', instructionSet: 'avx2', fastBfloat16: false };
    expect(await probe()).toEqual({ found });
    expect(await probe()).toEqual({ found });
    expect(context.events.filter(({ type }) => type === 'phase')).toHaveLength(1);
  });

  it('is enough to forget a failure that setup tries again', async () => {
    const { probe, built } = await loading(good);
    await probe();
    writeFileSync(built.failurePath, '{}');
    expect(await probe()).toHaveProperty('found');
    expect(existsSync(built.failurePath)).toBe(false);
  });

  it('turns a crash into a reason, which is recorded too', async () => {
    const { context, probe, built } = await loading(`process.kill(process.pid, 'SIGSEGV');`);
    const reason =
      'The native operations were built but do not load on this machine: it crashed (SIGSEGV).';
    expect(await probe()).toMatchObject({ refusal: { reason } });
    const { tensorflow } = built;
    expect(await findOperations(context, tensorflow, 'cpu', { retry: false })).toMatchObject({
      refusal: { reason },
    });
    expect(await findOperations(context, tensorflow, 'cpu', { retry: true })).toHaveProperty(
      'built',
    );
  });

  it('turns an illegal instruction into a reason that names the processor', async () => {
    const { context, probe } = await loading(`process.kill(process.pid, 'SIGILL');`);
    expect(await probe()).toMatchObject({
      refusal: {
        reason: `The native operations were built but do not load on this machine: this processor (${context.host.cpuModel}) lacks instructions that they were compiled for.`,
      },
    });
  });

  it('answers beside what libraries print', async () => {
    const { probe } = await loading(
      `process.stdout.write('onednn_verbose,info,oneDNN v3.2.0'); process.on('exit', () => console.log('the end')); ${good}`,
    );
    expect(await probe()).toMatchObject({ found: { oneDnnVersion: '3.2.0' } });
  });

  it('that does not end in time is not held against them at the next start', async () => {
    const { probe, built } = await loading(good);
    vi.mocked(runChild).mockResolvedValueOnce(outOfTime);
    expect(await probe()).toEqual({
      refusal: {
        reason: 'The native operations did not answer within 3 minutes when tried out.',
        mend: 'Try again when the machine is less busy.',
      },
      isPassing: true,
    });
    expect(existsSync(built.failurePath)).toBe(false);
    expect(await probe()).toHaveProperty('found');
  });

  it('says what a missing libgomp is and how to get it', async () => {
    const { probe } = await loading(
      `throw new Error('libgomp.so.1: cannot open shared object file: No such file or directory');`,
    );
    expect(await probe()).toEqual({
      refusal: {
        reason:
          'The native operations need libgomp.so.1, the OpenMP runtime of GCC; it is not on this machine.',
        mend: 'Install it (Debian and Ubuntu: apt install libgomp1; Fedora: dnf install libgomp), then run gru-lm setup; or set GRU_LM_NATIVE=0 to do without.',
      },
      isPassing: false,
    });
  });

  it('passes on what the addon throws', async () => {
    const { probe } = await loading(`throw new Error('GruForward is registered already');`);
    expect(await probe()).toMatchObject({
      refusal: {
        reason: expect.stringContaining('this machine: GruForward is registered already.'),
      },
    });
  });
});
