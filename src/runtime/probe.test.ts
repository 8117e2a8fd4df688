import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { UserError } from '../errors.ts';
import { probeBinding } from './probe.ts';
import { runChild } from './process.ts';
import { outOfTime, Workshop } from './testing/fake-machine.ts';
import { locateTfjsNode } from './tfjs-node.ts';

vi.mock(import('./process.ts'), async (actual) => {
  const all = await actual();
  return { ...all, runChild: vi.fn(all.runChild) };
});

const shop = new Workshop();
const context = shop.context(shop.wheel());
afterAll(() => shop.remove());

/** Compiles an addon from C++ and gives back its path. */
function addon(name: string, source: string): string {
  const path = join(shop.root, `${name}.node`);
  execFileSync('c++', [
    '-shared',
    '-fPIC',
    '-I',
    locateTfjsNode().nodeHeaders,
    '-o',
    path,
    shop.file(`${name}.cc`, source),
  ]);
  return path;
}

async function failure(path: string): Promise<UserError> {
  const error: unknown = await probeBinding(path, 'cpu', context).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

const reason = async (path: string) => (await failure(path)).message;

const preamble = 'TensorFlow was set up but does not work on this machine: ';

describe('the first load of a binding, in a process of its own', () => {
  it('turns an illegal instruction into a reason that names the processor', async () => {
    const path = addon('illegal', '__attribute__((constructor)) void load() { __builtin_trap(); }');
    const error = await failure(path);
    expect(error.hint).toContain('--backend wasm');
    expect(error.message).toBe(
      `${preamble}this processor (${context.host.cpuModel}) lacks instructions that it was compiled for.`,
    );
  });

  it('turns a crash into a reason with its last words', async () => {
    const path = addon(
      'crash',
      `#include <csignal>
       #include <cstdio>
       __attribute__((constructor)) void load() { fputs("out of luck\\n", stderr); raise(SIGSEGV); }`,
    );
    expect(await reason(path)).toBe(`${preamble}it crashed (SIGSEGV): out of luck.`);
  });

  it('names a missing symbol', async () => {
    const path = addon('missing', 'extern "C" int TF_Gone(); int value = TF_Gone();');
    expect(await reason(path)).toMatch(/: .*missing\.node: undefined symbol: TF_Gone\.$/);
  });

  it('names a file that is no addon', async () => {
    expect(await reason(shop.file('text.node', 'text'))).toMatch(
      /: .*text\.node: file too short\.$/,
    );
  });

  it('refuses a TensorFlow that multiplies wrongly', async () => {
    const path = shop.file(
      'wrong.js',
      `module.exports = {
        createTensor: () => 1, executeOp: () => [{ id: 1 }], tensorDataSync: () => [1, 2, 3, 4],
        isUsingGpuDevice: () => false, TF_Version: '2.21.0',
      };`,
    );
    expect(await reason(path)).toBe(
      `${preamble}[1 2; 3 4]² should be [7 10; 15 22]; it gave 1 2 3 4.`,
    );
  });

  it('that does not end in time is no crash', async () => {
    vi.mocked(runChild).mockResolvedValueOnce(outOfTime);
    expect(await reason(shop.file('slow.js', ''))).toBe(
      'TensorFlow was set up, but did not answer within 3 minutes when tried out.',
    );
  });

  it('answers beside what libraries print', async () => {
    const path = shop.file(
      'talks.js',
      `process.stdout.write('hello');
      module.exports = {
        createTensor: () => 1, executeOp: () => [{ id: 1 }], tensorDataSync: () => [7, 10, 15, 22],
        isUsingGpuDevice: () => false, TF_Version: '2.21.0',
      };`,
    );
    expect(await probeBinding(path, 'cpu', context)).toMatchObject({ tensorflowVersion: '2.21.0' });
  });

  it('refuses a TensorFlow of another series', async () => {
    const path = shop.file(
      'old.js',
      `module.exports = {
        createTensor: () => 1, executeOp: () => [{ id: 1 }], tensorDataSync: () => [7, 10, 15, 22],
        isUsingGpuDevice: () => false, TF_Version: '2.9.1',
      };`,
    );
    expect(await reason(path)).toBe(
      `${preamble}it is TensorFlow 2.9.1, which gru-lm does not support.`,
    );
  });
});
