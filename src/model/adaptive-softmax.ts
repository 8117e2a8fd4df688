/** A model's adaptive softmax (`ops/adaptive-softmax.ts`): where it cuts the vocabulary, and its tensors. */
import type * as tf from '@tensorflow/tfjs-core';
import type { AdaptiveSoftmaxTensors } from '../ops/adaptive-softmax.ts';

/** Each cluster has a fourth of the features of the one before, as by PyTorch's default. */
const REDUCTION = 4;

/**
 * The ids at which clusters begin where the user names none: at a tenth and at a third of the vocabulary.
 * By Zipf's law the head then has 79 % of the tokens of a text and the clusters 11 % and 10 %, for a
 * vocabulary of 30,000, which comes to a ninth of the work of a full softmax. A smaller head would take
 * less still, but the layers before it then take longer than it does, and rarer tokens lose features.
 */
export function defaultCutoffs(vocabularySize: number): number[] {
  return [Math.ceil(vocabularySize / 10), Math.ceil(vocabularySize / 3)];
}

/** Those of `cutoffs`, in ascending order, that a vocabulary has, each once. */
export function cutoffsWithin(cutoffs: readonly number[], vocabularySize: number): number[] {
  return [...new Set(cutoffs)].filter((cutoff) => cutoff < vocabularySize);
}

/**
 * The parameters by their names in PyTorch's AdaptiveLogSoftmaxWithLoss, in its order.
 *
 * @param cutoffs C ids at which clusters begin, ascending, in (0, V)
 */
export function adaptiveSoftmaxSpecs(
  cutoffs: readonly number[],
  { vocabularySize: V, hiddenSize: H }: { vocabularySize: number; hiddenSize: number },
): { name: string; shape: number[] }[] {
  const rows = (cutoffs[0] ?? V) + cutoffs.length;
  const tails = cutoffs.flatMap((cutoff, i) => {
    const features = Math.max(1, Math.floor(H / REDUCTION ** (i + 1)));
    return [
      { name: `fc.tail.${i}.0.weight`, shape: [features, H] },
      { name: `fc.tail.${i}.1.weight`, shape: [(cutoffs[i + 1] ?? V) - cutoff, features] },
    ];
  });
  return [
    { name: 'fc.head.weight', shape: [rows, H] },
    { name: 'fc.head.bias', shape: [rows] },
    ...tails,
  ];
}

/** The adaptive softmax among a model's parameters, if it has one. */
export function adaptiveSoftmaxOf(
  weights: Readonly<Record<string, tf.Tensor>>,
): AdaptiveSoftmaxTensors | undefined {
  const headWeight = weights['fc.head.weight'] as tf.Tensor2D | undefined;
  if (!headWeight) return undefined;
  const tails: AdaptiveSoftmaxTensors['tails'][number][] = [];
  for (let i = 0; weights[`fc.tail.${i}.0.weight`]; i++) {
    tails.push({
      projection: weights[`fc.tail.${i}.0.weight`] as tf.Tensor2D,
      weight: weights[`fc.tail.${i}.1.weight`] as tf.Tensor2D,
    });
  }
  return { headWeight, headBias: weights['fc.head.bias'] as tf.Tensor1D, tails };
}
