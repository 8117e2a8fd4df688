import { existsSync, readdirSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RuntimeContext } from './context.ts';
import { examineBackends } from './examine.ts';
import { readHost } from './host.ts';
import { levels, levelsOf } from './levels.ts';
import { provision } from './provision.ts';
import { makeReady } from './ready.ts';
import { setUpRuntime } from './setup.ts';
import { Workshop } from './testing/fake-machine.ts';
import { type FakePrebuilds, fakePrebuilds } from './testing/fake-prebuilds.ts';

const shop = new Workshop();
const wheel = shop.wheel();
afterAll(() => shop.remove());

const noCompiler = { CXX: join(shop.root, 'no-compiler') };
const processorOf = (level: string) =>
  `model name: fake\nflags : fpu ${levels.find(({ name }) => name === level)?.features.join(' ')}`;
const host = {
  ...readHost(),
  platform: 'linux' as const,
  arch: 'x64',
  glibc: '2.36',
  nvidiaDriver: undefined,
  processor: processorOf('x86-64-v4'),
};

/** A machine on which the package came with these addons. */
function machine(prebuilds: FakePrebuilds = {}, parts: Parameters<typeof shop.context>[1] = {}) {
  const prebuiltDirectory = fakePrebuilds(shop, prebuilds);
  return shop.context(wheel, { host, prebuiltDirectory, env: noCompiler, ...parts });
}

/** The same machine at a later start, with a compiler. */
function later({ cacheDirectory, prebuiltDirectory }: RuntimeContext) {
  return shop.context(wheel, { host, cacheDirectory, prebuiltDirectory });
}

const phases = (context: { events: { type: string }[] }) =>
  context.events.flatMap((event) =>
    'phase' in event && event.type === 'phase' ? event.phase : [],
  );

const doctor = async (context: RuntimeContext) => (await examineBackends(context))[1]!;

describe('addons that came with the package', () => {
  it('are put into the cache and used where there is no compiler', async () => {
    const context = machine();
    const { binding, operations } = await makeReady(context, 'cpu');
    expect(binding.origin).toBe('prebuilt');
    expect(operations.built).toMatchObject({ origin: 'prebuilt', level: 'x86-64-v4' });
    expect(operations.found).toMatchObject({ oneDnnVersion: '3.2.0' });
    expect(phases(context)).not.toContain('build');
    const { tensorflow, oneDnn, directory } = operations.built!;
    for (const place of [binding.directory, directory]) {
      const link = join(place, 'tensorflow');
      expect(readlinkSync(link)).toBe(`../${basename(tensorflow.directory)}`);
      expect(realpathSync(link)).toBe(realpathSync(tensorflow.directory));
    }
    expect(realpathSync(join(directory, 'onednn'))).toBe(realpathSync(oneDnn.directory));

    const again = later(context);
    expect((await makeReady(again, 'cpu')).binding).toEqual(binding);
    expect(again.events).toEqual([]);
  });

  it('are said by a dry run and by doctor', async () => {
    const context = machine();
    const before = await setUpRuntime({ ...context, dryRun: true });
    expect(before).toMatchObject({ binding: { action: 'copy' }, operations: { action: 'copy' } });
    expect(before.binding.compiler).toBeUndefined();
    expect((await doctor(context)).detail).toMatch(/^not set up yet: gru-lm setup fetches/);
    const done = await setUpRuntime(context);
    expect(done.operations.found).toMatchObject({ instructionSet: 'avx2' });
    const after = await setUpRuntime({ ...context, dryRun: true });
    expect(after).toMatchObject({
      binding: { action: 'present', directory: done.binding.directory },
      operations: { action: 'present', directory: done.operations.directory },
    });
    const found = await doctor(context);
    expect(found.detail).toMatch(/^TensorFlow 2\.21\.0, fetched, in \S+, by the prebuilt binding$/);
    expect(found.nativeOperations?.detail).toBe('oneDNN 3.2.0, avx2, prebuilt for x86-64-v4');
  });

  const left: [string, FakePrebuilds, object][] = [
    ['the system is too old for them', { minimumGlibc: '2.37' }, {}],
    ['the user wants none', {}, { env: { GRU_LM_PREBUILT: '0' } }],
    ['there are none for this platform', {}, { host: { ...host, glibc: undefined } }],
  ];
  it.each(left)('are left out where %s', async (_, prebuilds, parts) => {
    const { binding } = await setUpRuntime({
      ...machine(prebuilds, { env: {}, ...parts }),
      dryRun: true,
    }).catch((error: Error) => ({ binding: { action: error.message } }));
    expect(binding.action).toMatch(/^build$|needs glibc/);
  });
});

describe('a system that is too old for what came with the package', () => {
  const needs =
    'What came compiled with the package needs glibc 2.37 or newer; this system has 2.36.';

  it('hears so beside the want of a compiler, and from doctor', async () => {
    const context = machine({ minimumGlibc: '2.37' });
    await expect(makeReady(context, 'cpu')).rejects.toThrow(`${needs} CXX should name a C++`);
    // Where TensorFlow is there, but no binding.
    const { cacheDirectory } = context;
    await makeReady(machine({ damaged: ['binding.js'] }, { cacheDirectory }), 'cpu').catch(
      () => {},
    );
    const found = await doctor(context);
    expect(found.detail).toContain(
      `: the binding to it is not built yet. ${needs} CXX should name a C++`,
    );
    expect(found.mend).toMatch(/^Install one /);
  });
});

describe('the level of the native operations', () => {
  it.each(levels.map(({ name }) => name))('%s is that of a processor that has it', (level) => {
    const found = levelsOf(processorOf(level)).map(({ name }) => name);
    expect(found[0]).toBe(level);
    // Each has what lower ones have.
    expect(found).toEqual(levels.map(({ name }) => name).slice(-found.length));
  });

  it('is none for a processor that lacks a part of it', () => {
    expect(levelsOf('flags : fpu sse2 avx')).toEqual([]);
    const without = processorOf('x86-64-v3').replace(' fma ', ' ');
    expect(levelsOf(without)).toEqual([]);
  });

  it('is a lower one where the package has no better', async () => {
    const operations = { 'x86-64-v3': `module.exports = { oneDnnVersion: '3.2.0' };` };
    const ready = await makeReady(machine({ operations }), 'cpu');
    expect(ready.operations.built).toMatchObject({ level: 'x86-64-v3' });
  });

  it('is the one that GRU_LM_PREBUILT names', async () => {
    const env = { ...noCompiler, GRU_LM_PREBUILT: 'x86-64-v3' };
    const ready = await makeReady(machine({}, { env }), 'cpu');
    expect(ready.operations.built).toMatchObject({ origin: 'prebuilt', level: 'x86-64-v3' });
  });

  it('that GRU_LM_PREBUILT names and nobody knows is said, with those that there are', async () => {
    const context = machine({}, { env: { ...noCompiler, GRU_LM_PREBUILT: 'sse9' } });
    const { binding, operations } = await makeReady(context, 'cpu');
    expect(binding.origin).toBe('prebuilt');
    expect(operations.refusal?.reason).toBe(
      'GRU_LM_PREBUILT should be 0 or one of x86-64-v4-bf16, x86-64-v4, x86-64-v3; it is "sse9".',
    );
  });

  it('that no addon has leaves them to a compiler, and the binding as it is', async () => {
    const old = { ...host, processor: 'flags : fpu sse2 avx' };
    const { binding, operations } = await makeReady(machine({}, { host: old }), 'cpu');
    expect(binding.origin).toBe('prebuilt');
    expect(operations.refusal?.reason).toMatch(/^CXX should name a C\+\+ compiler/);
  });
});

describe('a prebuilt binding that does not work', () => {
  const crash = { binding: `process.kill(process.pid, 'SIGSEGV');` };

  it('is put aside for a compiled one; doctor says why', async () => {
    const context = machine(crash, { env: {} });
    // What the fake compiler writes does not load either.
    await expect(makeReady(context, 'cpu')).rejects.toThrow(/set up but does not work/);
    expect(phases(context)).toContain('build');
    const again = later(context);
    await expect(makeReady(again, 'cpu')).rejects.toThrow();
    expect(phases(again)).toEqual(['probe']);
  });

  it('is said beside the want of a compiler', async () => {
    const context = machine(crash);
    const reason =
      /^The prebuilt binding does not work: .* it crashed \(SIGSEGV\)\. CXX should name a C\+\+ compiler/;
    await expect(makeReady(context, 'cpu')).rejects.toThrow(reason);
    const found = await doctor(context);
    expect(found).toMatchObject({ usable: false });
    expect(found.detail).toMatch(
      /not built yet\. The prebuilt binding does not work: .*it crashed \(SIGSEGV\)\. CXX should name a C\+\+ compiler/,
    );
    expect(found.mend).toMatch(/^Install one /);
  });

  it('because its file is damaged is not loaded', async () => {
    const context = machine({ damaged: ['binding.js'] });
    await expect(makeReady(context, 'cpu')).rejects.toThrow(
      /^binding\.js of this package should have SHA-256 .* missing or damaged\. CXX should name/,
    );
    const left = readdirSync(context.cacheDirectory).filter((name) => name.startsWith('binding'));
    expect(left).toEqual([expect.stringMatching(/-failed\.json$/)]);
  });
});

describe('prebuilt native operations that do not work', () => {
  const failing = (source: string) => ({ operations: { 'x86-64-v4': source } });

  it('are compiled where that can be done', async () => {
    const context = machine(failing(`process.kill(process.pid, 'SIGILL');`), { env: {} });
    const { operations } = await makeReady(context, 'cpu');
    expect(phases(context)).toContain('build');
    expect(operations.refusal?.reason).toMatch(/^The native operations were built but do not load/);
  });

  it('leave TensorFlow alone where it cannot, and are not tried again until setup is', async () => {
    const context = machine(failing(`process.kill(process.pid, 'SIGILL');`));
    const { binding, operations } = await makeReady(context, 'cpu');
    expect(binding.origin).toBe('prebuilt');
    expect(operations.refusal?.reason).toMatch(
      /^The prebuilt native operations do not work .* lacks instructions that they were compiled for\. CXX should name a C\+\+ compiler/,
    );
    expect(operations.refusal?.mend).toMatch(/^Install one /);
    context.events.length = 0;
    expect((await makeReady(context, 'cpu')).operations).toEqual(operations);
    expect(context.events).toEqual([]);
    await setUpRuntime(context);
    expect(phases(context)).toContain('probe');
  });

  it('are told by doctor, which keeps nothing of it', async () => {
    const context = machine(failing(`process.kill(process.pid, 'SIGILL');`));
    await provision(context, 'cpu');
    expect((await doctor(context)).nativeOperations).toMatchObject({
      usable: false,
      detail: expect.stringMatching(/^The prebuilt native operations do not work/),
    });
    const kept = readdirSync(context.cacheDirectory).filter((name) => name.includes('failed'));
    expect(kept).toEqual([]);
  });

  it('by what their test operation gives are found out', async () => {
    const wrong = `
      const binding = require(process.argv[1]);
      binding.tensorDataSync = () => [1, 2, 3, 4];
      module.exports = { oneDnnVersion: '3.2.0', instructionSet: 'avx2', fastBfloat16: false };`;
    const { operations } = await makeReady(machine(failing(wrong)), 'cpu');
    expect(operations.refusal?.reason).toMatch(
      /in float32 losses should be 4\.3\d+ 4\.1\d+ 3\.\d+ 3\.\d+; they are 1\.0000 2\.0000 3\.0000 4\.0000\./,
    );
  });

  it('for want of libgomp say first how to get that', async () => {
    const lacking = `throw new Error('libgomp.so.1: cannot open shared object file');`;
    const { operations } = await makeReady(machine(failing(lacking)), 'cpu');
    expect(operations.refusal?.reason).toMatch(/^The native operations need libgomp\.so\.1/);
    expect(operations.refusal?.mend).toMatch(/apt install libgomp1/);
  });
});

it('what setup --force makes in place of damaged ones is what the next start uses', async () => {
  const context = machine();
  const { built } = (await provision(context, 'cpu')).operations;
  writeFileSync(join(context.prebuiltDirectory!, 'linux-x64', `${built!.level}.js`), 'damaged');
  const made = (await provision(later(context), 'cpu', { force: true })).operations.built!;
  expect(made.origin).toBe('compiled');
  const next = (await provision(later(context), 'cpu')).operations.built!;
  expect(next.directory).toBe(made.directory);
});

it('nothing is copied where nothing came with the package', async () => {
  const context = shop.context(wheel, { host });
  const plan = await setUpRuntime({ ...context, dryRun: true });
  expect(plan).toMatchObject({ binding: { action: 'build' }, operations: { action: 'build' } });
  expect(existsSync(context.cacheDirectory)).toBe(false);
});
