import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeBinding, type SelectedBackend, selectBackend } from './backend.ts';
import { createContext } from './context.ts';
import { cudnnProbe } from './cudnn-probe.ts';
import { locateTensorflow } from './locate.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
afterAll(() => shop.remove());

const hasOperations = process.platform === 'linux' && process.arch === 'x64';

const product = () =>
  tf.tidy(() => {
    const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    return Array.from(tf.matMul(matrix, matrix).dataSync());
  });

describe('the cpu backend', () => {
  let selected: SelectedBackend;
  beforeAll(async () => {
    selected = await selectBackend('cpu', { threads: 2 });
  });

  it('is TensorFlow, and says so', () => {
    expect(selected).toMatchObject({ name: 'cpu', tfjsName: 'tensorflow', refusals: [] });
    expect(selected.description).toMatch(/^TensorFlow 2\.21\.0.*, CPU, 2 threads$/);
    expect(tf.getBackend()).toBe('tensorflow');
    expect(product()).toEqual([7, 10, 15, 22]);
  });

  it.runIf(hasOperations)('has the native operations, and tells what they run on', () => {
    const expected = {
      oneDnnVersion: '3.2.0',
      instructionSet: expect.stringMatching(/^(sse41|avx\w*)$/),
      fastBfloat16: expect.any(Boolean),
    };
    expect(selected.nativeRefusal).toBeUndefined();
    expect(selected.nativeOperations).toEqual(expected);
    expect(tf.backend()).toMatchObject({ nativeOperations: expected });
    expect(selected.description).toBe('TensorFlow 2.21.0 with oneDNN 3.2.0, CPU, 2 threads');
  });

  it.runIf(hasOperations)('runs the native operations as ops of its own', () => {
    const source = readFileSync(new URL('../../native/operations.cc', import.meta.url), 'utf8');
    const names = [...source.matchAll(/"(GruLm\w+)"/g)].map((found) => found[1]!);
    const unknown = 'nor a name of a function registered';
    const run = (name: string) => () => nativeBinding().executeOp(name, [], [], 1);
    expect(run('GruLmNothing')).toThrow(unknown);
    expect(names).not.toEqual([]);
    for (const name of names) {
      // Without attributes and inputs none of them runs, but each is known.
      const message: unknown = expect.not.stringContaining(unknown);
      expect(run(name), name).toThrow(expect.objectContaining({ message }));
    }
  });

  it('knows the operation by which cuDNN is tried out, and lacks only a kernel for it', () => {
    const probe = new Function(`return ${cudnnProbe}`)() as (binding: object) => string;
    expect(probe(nativeBinding())).toMatch(
      /Could not find device for node: .*CudnnRNNV3\[[\s\S]*<no registered kernels>/,
    );
  });

  it('gives the raw binding, whose tensors are the caller’s', () => {
    const binding = nativeBinding();
    const before = binding.getNumOfTensors();
    const id = binding.createTensor([2], binding.TF_FLOAT, new Float32Array([1, 2]));
    const [squares] = binding.executeOp(
      'Square',
      [{ name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }],
      [id],
      1,
    );
    expect(squares).toMatchObject({ shape: [2], dtype: binding.TF_FLOAT });
    expect(Array.from(binding.tensorDataSync(squares!.id))).toEqual([1, 4]);
    binding.deleteTensor(id);
    binding.deleteTensor(squares!.id);
    expect(binding.getNumOfTensors()).toBe(before);
  });

  it('runs kernels of every kind that TF.js has for it', () => {
    const before = tf.memory().numTensors;
    const result = tf.tidy(() => {
      const { values } = tf.topk(tf.softmax(tf.tensor1d([1, 3, 2])), 2);
      return Array.from(tf.gather(values, tf.tensor1d([1], 'int32')).dataSync());
    });
    expect(result[0]).toBeCloseTo(0.2447, 4);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('and wasm can take turns in one process', async () => {
    const listeners = process.listenerCount('unhandledRejection');
    const wasm = await selectBackend('wasm');
    expect(wasm).toMatchObject({ name: 'wasm', tfjsName: 'wasm', refusals: [] });
    expect(tf.getBackend()).toBe('wasm');
    expect(product()).toEqual([7, 10, 15, 22]);
    expect(process.listenerCount('unhandledRejection')).toBe(listeners);
    expect(() => nativeBinding()).toThrow('the backend should be tensorflow; it is wasm');
    await selectBackend('cpu');
    expect(tf.getBackend()).toBe('tensorflow');
  });

  it('and cuda cannot', async () => {
    await expect(selectBackend('cuda')).rejects.toThrow(
      'TensorFlow already runs in this process on cpu; it cannot also run on cuda.',
    );
  });
});

const script = fileURLToPath(new URL('./testing/select.ts', import.meta.url));
const backendModule = fileURLToPath(new URL('./backend.ts', import.meta.url));
/** A program that runs a module in a worker thread and then does something with what it exports. */
const worker = (path: string, then = '') => {
  const imports = `tsx.register(), import(${JSON.stringify(path)})`;
  const code = `import('tsx/esm/api').then((tsx) => Promise.all([${imports}]))${then};`;
  return `new (require('node:worker_threads').Worker)(${JSON.stringify(code)}, { eval: true, argv: ['cpu'] })`;
};
const inWorker = worker(script);

/** Selects a backend in a process of its own. */
function select(request: string, env: Record<string, string | undefined> = {}) {
  return runNode([script, request], env);
}

function runNode(args: string[], env: Record<string, string | undefined> = {}) {
  const result = spawnSync(process.execPath, ['--import', 'tsx', ...args], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: undefined, ...env },
    encoding: 'utf8',
  });
  return { stdout: result.stdout, stderr: result.stderr, signal: result.signal };
}

describe('a start', () => {
  it('with everything in place is silent and does nothing but load', () => {
    const { stdout, stderr } = select('cpu');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      selected: { description: expect.stringMatching(/^TensorFlow 2\.21\.0.*, CPU, 1 thread$/) },
      phases: [],
      product: [7, 10, 15, 22],
      nativeTensors: 2,
    });
  });

  // libgomp itself says by OMP_DISPLAY_ENV what it has read.
  const display = {
    OMP_DISPLAY_ENV: 'verbose',
    GOMP_SPINCOUNT: undefined,
    OMP_WAIT_POLICY: undefined,
  };

  it.runIf(hasOperations).each([
    ['the main thread', [script, 'cpu'], ['TF_CPP_MIN_LOG_LEVEL']],
    ['a worker thread', ['-e', inWorker], []],
  ])(
    'in %s sets what native code reads, and then puts it back but for the log’s level',
    (_, args, changed) => {
      const { stdout, stderr } = runNode(args, display);
      expect(stderr).toMatch(
        /^\nOPENMP DISPLAY ENVIRONMENT BEGIN\n[\s\S]*\nOPENMP DISPLAY ENVIRONMENT END\n$/,
      );
      expect(stderr).toMatch(/OMP_NUM_THREADS = '1'\n[\s\S]*GOMP_SPINCOUNT = '3000'\n/);
      expect(JSON.parse(stdout)).toMatchObject({ changed });
    },
  );

  // Node unloads what a worker has loaded. Libraries that have work for the end of the process have to stay.
  it.runIf(process.platform === 'linux')(
    'outlives a worker thread that does nothing with it, and is there for the next one',
    () => {
      const select = `.then(([, { selectBackend }]) => selectBackend('cpu', { threads: 1 }))`;
      const program = `${worker(backendModule, select)}.on('exit', () => ${inWorker})`;
      const { stdout, stderr, signal } = runNode(['-e', program]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ phases: [], product: [7, 10, 15, 22] });
      expect(signal).toBeNull();
    },
  );

  it.runIf(hasOperations)('lets oneDNN’s threads spin as long as the user says', () => {
    const read = (env: Record<string, string>) => select('cpu', { ...display, ...env }).stderr;
    expect(read({ GOMP_SPINCOUNT: '7' })).toContain("GOMP_SPINCOUNT = '7'");
    expect(read({ OMP_WAIT_POLICY: 'active' })).not.toContain("GOMP_SPINCOUNT = '3000'");
  });

  it('leaves the native operations out for those who say so, and does not complain', () => {
    const { selected } = JSON.parse(select('cpu', { GRU_LM_NATIVE: '0' }).stdout) as {
      selected: SelectedBackend;
    };
    expect(selected).toEqual({
      name: 'cpu',
      tfjsName: 'tensorflow',
      description: 'TensorFlow 2.21.0, CPU, 1 thread',
      refusals: [],
    });
  });

  it('shows TensorFlow’s log to those who set its level', () => {
    expect(select('cpu', { TF_CPP_MIN_LOG_LEVEL: '0' }).stderr).not.toBe('');
  });

  it('builds against the TensorFlow that GRU_LM_TENSORFLOW names, and runs without what it may not fetch', async () => {
    const tensorflow = await locateTensorflow(createContext(), 'cpu');
    const { stdout, stderr } = select('cpu', {
      GRU_LM_CACHE: shop.directory('named'),
      GRU_LM_TENSORFLOW: tensorflow?.directory,
      GRU_LM_OFFLINE: '1',
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      phases: ['build', 'probe'],
      product: [7, 10, 15, 22],
      selected: {
        description: 'TensorFlow 2.21.0, CPU, 1 thread',
        nativeRefusal: { reason: expect.stringMatching(hasOperations ? /^oneDNN .*39 MB/ : /./) },
      },
    });
  });

  it('that may not fetch falls to wasm and tells why and what mends it', () => {
    const bare = shop.file(
      'bin/bare-python',
      `#!/bin/sh\necho '{"version": "3.12.0", "pip": "25.0", "tensorflow": null}'\n`,
      0o755,
    );
    const { stdout, stderr } = select('auto', {
      GRU_LM_CACHE: shop.directory('empty'),
      GRU_LM_OFFLINE: '1',
      GRU_LM_PYTHON: bare,
    });
    expect(stderr).toBe('');
    const { selected, product: found } = JSON.parse(stdout) as {
      selected: SelectedBackend;
      product: number[];
    };
    expect(found).toEqual([7, 10, 15, 22]);
    expect(selected.name).toBe('wasm');
    expect(selected.refusals.map(({ backend }) => backend)).toEqual(['cuda', 'cpu']);
    expect(selected.refusals[1]).toEqual({
      backend: 'cpu',
      reason: 'TensorFlow 2.21.0 is not set up, and GRU_LM_OFFLINE forbids fetching it (274 MB).',
      mend: 'Unset GRU_LM_OFFLINE and run gru-lm setup; or use --backend wasm.',
    });
  });
});
