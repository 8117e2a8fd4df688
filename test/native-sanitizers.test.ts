/**
 * The computing functions of `native/` under the compiler's sanitizers: no memory but their own, no
 * undefined arithmetic. What drives them is `native/test/sanitize.cc`.
 */
import { execFile, spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createContext } from '../src/runtime/context.ts';
import { hasOneDnn, requireOneDnn } from '../src/runtime/onednn.ts';
import { temporaryDirectory } from './cli-process.ts';
import { hasNativeOperations } from './support/backends.ts';

const native = fileURLToPath(new URL('../native', import.meta.url));
const SOURCES = [
  ...[
    'product.cc',
    'tile_order.cc',
    'tile_product.cc',
    'embedded_inputs.cc',
    'gru.cc',
    'lstm.cc',
    'muon.cc',
    'linear_cross_entropy.cc',
    'generation_step.cc',
    'clip.cc',
    'sparse_product.cc',
    'running_means.cc',
  ],
  'test/products.cc',
  'test/sanitize.cc',
];
const FLAGS = [
  // The vector code that users run, at a level of optimisation that is soon compiled, with its lines.
  ...['-std=c++17', '-O1', '-g1', '-march=native', '-fno-omit-frame-pointer'],
  ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
];

describe('the native functions', () => {
  it('are sound under the address and undefined-behaviour sanitizers', async (ctx) => {
    if (!hasNativeOperations) ctx.skip('the native operations are for linux-x64 only');
    const oneDnn = requireOneDnn(createContext());
    if (!(await hasOneDnn(oneDnn))) ctx.skip('oneDNN could not be set up on this machine');
    const directory = temporaryDirectory();
    const program = join(directory, 'sanitize');
    // Rejects, with what the compiler says, unless it succeeds.
    const compile = async (args: string[]) => {
      const { stderr } = await promisify(execFile)('c++', [...FLAGS, ...args]);
      expect(stderr).toBe('');
    };
    const objectOf = (name: string) => join(directory, `${basename(name, '.cc')}.o`);
    const left = [...SOURCES];
    const compiler = async () => {
      for (let name = left.pop(); name; name = left.pop()) {
        const output = ['-c', '-o', objectOf(name)];
        await compile(['-I', oneDnn.includeDirectory, join(native, name), ...output]);
      }
    };
    await Promise.all([compiler(), compiler()]);
    const libraries = [oneDnn.library, '-lgomp', `-Wl,-rpath,${oneDnn.directory}`];
    await compile([...SOURCES.map(objectOf), '-o', program, ...libraries]);

    const run = (options: string[], environment: NodeJS.ProcessEnv) => {
      const { status, stdout, stderr } = spawnSync(program, options, {
        encoding: 'utf8',
        env: {
          ...process.env,
          // More threads than a small machine has processors, so that shares are odd.
          OMP_NUM_THREADS: '3',
          ASAN_OPTIONS: 'detect_leaks=1',
          ...environment,
        },
      });
      expect(stderr).toBe('');
      expect(stdout).toMatch(/are sound|is sound/);
      expect(status).toBe(0);
    };
    run([], {});
    // As on a processor without tiles.
    run(['bfloat16'], { ONEDNN_MAX_CPU_ISA: 'AVX512_CORE_BF16' });
  }, 300_000);
});
