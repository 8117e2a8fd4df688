/**
 * Compiled products are kept for the next call, a few hundred of them: with ever other shapes they
 * must come and go without memory being lost. Each test file runs in a process of its own, so that
 * what is resident here is this file's alone.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GruVariant, gruSequence } from '../src/ops/gru-sequence.ts';
import { linearCrossEntropy } from '../src/ops/linear-cross-entropy.ts';
import { lstmSequence } from '../src/ops/lstm-sequence.ts';
import { lstmTensors } from '../src/ops/lstm-sequence-testing.ts';
import type { Precision } from '../src/ops/tensorflow-binding.ts';
import { Random } from '../src/random.ts';
import { hasNativeOperations, useBackend } from './support/backends.ts';
import { gruTensors } from './support/gru-tensors.ts';
import { heldTensors, randomValues } from './support/numbers.ts';
import '../src/ops/core-gradients.ts';

const RUNS = 4000;
/** After so many runs every cache has been full. */
const FIRST_RUNS = 1000;
/** What a lost product or buffer a run would exceed by far. */
const MEGABYTES_MORE = 64;

const random = new Random(1);
const upTo = (largest: number) => 1 + random.integer(largest);
const numbers = randomValues(random, 8192, 0.5);
const values = (count: number) => numbers.subarray(0, count);

/** Most sizes come again and again, as in training; one in five is new nearly each time. */
const familiar = Array.from({ length: 12 }, drawSizes);

function drawSizes() {
  return { T: upTo(4), B: upTo(9), I: upTo(24), H: upTo(40) };
}

function someSizes() {
  return random.uniform() < 0.8 ? familiar[random.integer(familiar.length)]! : drawSizes();
}

function gruLoss(variant: GruVariant, precision: Precision): Recorded {
  const tensors = gruTensors(someSizes(), variant, (_, count) => values(count));
  return {
    inputs: Object.values(tensors) as tf.Tensor[],
    loss: () => tf.mean(gruSequence(tensors, variant, precision)),
  };
}

function lstmLoss(precision: Precision): Recorded {
  const tensors = lstmTensors(someSizes(), (shape) =>
    tf.tensor(values(tf.util.sizeFromShape(shape)), shape),
  );
  return {
    inputs: Object.values(tensors) as tf.Tensor[],
    loss: () => tf.mean(lstmSequence(tensors, precision).outputs),
  };
}

function outputLoss(precision: Precision): Recorded {
  const { T, B, I, H } = someSizes();
  const [N, V] = [T * B, 3 * I];
  const inputs = [
    tf.tensor2d(values(N * H), [N, H]),
    tf.tensor2d(values(V * H), [V, H]),
    tf.tensor1d(values(V)),
  ] as const;
  const labels = Int32Array.from({ length: N }, (_, i) => i % V);
  return {
    inputs: [...inputs],
    loss: () => linearCrossEntropy(...inputs, tf.tensor1d(labels, 'int32'), precision),
  };
}

interface Recorded {
  inputs: tf.Tensor[];
  loss: () => tf.Scalar;
}

/** Forward and backward through one of the operations, everything disposed. */
function runOnce(run: number, precisions: readonly Precision[]): void {
  tf.tidy(() => {
    const precision = precisions[random.integer(precisions.length)]!;
    const { inputs, loss } = [
      () => gruLoss('reset-after', precision),
      () => lstmLoss(precision),
      () => outputLoss(precision),
      () => gruLoss('reset-before', precision),
    ][run % 4]!();
    const { value, grads } = tf.engine().gradients(loss, inputs);
    if (run % 100 > 0) return;
    for (const tensor of [value, ...grads]) {
      expect(tensor.dataSync().every(Number.isFinite)).toBe(true);
    }
  });
}

/** What is resident once JavaScript's garbage is gone. */
function residentMegabytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage.rss() / 2 ** 20;
}

describe.runIf(hasNativeOperations)('thousands of runs of the native operations', () => {
  beforeAll(() => useBackend('native'));

  it('of many shapes take no more memory and hold no more tensors than the first ones', () => {
    const precisions: Precision[] = ['float32', 'bfloat16'];
    const runUntil = (end: number) => {
      for (; run < end; run++) runOnce(run, precisions);
    };
    let run = 0;
    runUntil(FIRST_RUNS);
    const resident = residentMegabytes();
    const held = heldTensors();
    while (run < RUNS) {
      runUntil(run + FIRST_RUNS);
      expect(heldTensors()).toEqual(held);
    }
    expect(residentMegabytes() - resident).toBeLessThan(MEGABYTES_MORE);
  });
});
