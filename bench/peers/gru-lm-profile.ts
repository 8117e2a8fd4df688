/** Where the time of the product's training step goes: by TF.js kernel, and by TensorFlow op. */
import * as tf from '@tensorflow/tfjs-core';
import type { ProfileRow } from '../profile.ts';
import { startBackend, trainerOf } from './gru-lm.ts';
import { work } from './measure.ts';

type Anything = (...args: never[]) => unknown;

/** Adds up the time of calls by name, less that of the recorded calls within them. */
class Recorder {
  readonly #rows = new Map<string, { milliseconds: number; calls: number }>();
  /** For each call that is under way, the time of the calls within it. */
  readonly #within: number[] = [];

  get isIdle(): boolean {
    return this.#within.length === 0;
  }

  record<Result>(name: string, call: () => Result): Result {
    this.#within.push(0);
    const started = performance.now();
    try {
      return call();
    } finally {
      const elapsed = performance.now() - started;
      const own = elapsed - (this.#within.pop() as number);
      if (!this.isIdle) this.#within[this.#within.length - 1]! += elapsed;
      const row = this.#rows.get(name) ?? { milliseconds: 0, calls: 0 };
      this.#rows.set(name, { milliseconds: row.milliseconds + own, calls: row.calls + 1 });
    }
  }

  clear(): void {
    this.#rows.clear();
  }

  /** The most time first, as shares of this many steps. */
  rows(steps: number): ProfileRow[] {
    return [...this.#rows]
      .map(([name, { milliseconds, calls }]) => ({
        name,
        milliseconds: milliseconds / steps,
        calls: calls / steps,
      }))
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }
}

const kernels = new Recorder();
const operations = new Recorder();

/** Has every kernel of the backend recorded. */
function watchKernels(): void {
  for (const config of tf.getKernelsForBackend('tensorflow')) {
    const { kernelName, kernelFunc } = config;
    tf.unregisterKernel(kernelName, 'tensorflow');
    tf.registerKernel({
      ...config,
      kernelFunc: (params) => kernels.record(kernelName, () => kernelFunc(params)),
    });
  }
}

/**
 * Has every call into the addon recorded: ops by their name, the rest by the function's. The addon's
 * own functions cannot be replaced: the backend gets an object of ours before them.
 */
function watchBinding(): void {
  const backend = tf.backend() as unknown as { binding: Record<string, Anything> };
  const { binding } = backend;
  const watched = ['executeOp', 'createTensor', 'deleteTensor', 'tensorDataSync'].map((name) => {
    const value = (...args: never[]) => {
      const label = name === 'executeOp' ? String(args[0]) : name;
      const call = () => operations.record(label, () => binding[name]?.(...args));
      return kernels.isIdle ? kernels.record(label, call) : call();
    };
    return [name, { value }];
  });
  backend.binding = Object.create(binding, Object.fromEntries(watched));
}

const versions = await startBackend(work);
const trainer = trainerOf(work);
watchKernels();
watchBinding();
for (let i = 0; i < work.warmUpSteps; i++) trainer.trainStep(1e-3);
kernels.clear();
operations.clear();
const started = performance.now();
for (let i = 0; i < work.minSteps; i++) trainer.trainStep(1e-3);
const stepMilliseconds = (performance.now() - started) / work.minSteps;
process.stdout.write(
  `${JSON.stringify({
    steps: work.minSteps,
    stepMilliseconds,
    kernels: kernels.rows(work.minSteps),
    operations: operations.rows(work.minSteps),
    versions,
  })}\n`,
);
