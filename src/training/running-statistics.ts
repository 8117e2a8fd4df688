/** What a batch-normalised model learns without gradients; of other models there is nothing. */
import * as tf from '@tensorflow/tfjs-core';
import type { Weights } from '../model/language-model.ts';
import { nextRunningMean, type Statistics, statisticSpecs } from '../model/normalisation.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { dataOf, tensorOf } from '../model/weights.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';

export class RunningStatistics {
  readonly #values = new Map<string, tf.Tensor>();

  /** @param weights the statistics, and what else the model has */
  constructor(model: ModelConfig, weights: TensorMap) {
    for (const { name } of statisticSpecs(model)) {
      this.#values.set(name, tensorOf(weights.get(name) as TensorData));
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The statistics now; they last until the next {@link add}. */
  read(): Weights {
    return Object.fromEntries(this.#values);
  }

  /** Takes up what windows had, one after the other. */
  add(windows: readonly Statistics[]): void {
    for (const window of windows) {
      for (const [name, value] of Object.entries(window)) {
        const before = this.#values.get(name) as tf.Tensor;
        this.#values.set(
          name,
          tf.tidy(() => nextRunningMean(before, value)),
        );
        before.dispose();
      }
    }
  }

  export(): TensorMap {
    return new Map([...this.#values].map(([name, value]) => [name, dataOf(value)]));
  }

  dispose(): void {
    tf.dispose([...this.#values.values()]);
  }
}
