/** Clipping and the update: Adam, AdamW, Muon, RMSProp, SGD and NT-ASGD over named parameters. */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenFeatures } from '../data/token-features.ts';
import { assertTensors, elementCount } from '../model/parameters.ts';
import { dataOf, tensorOf } from '../model/weights.ts';
import { clipByGlobalNorm, clipUnread } from '../ops/clip-by-global-norm.ts';
import { moveMeans } from '../ops/move-means.ts';
import { type MuonWeight, muon } from '../ops/muon.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import {
  type AdamStep,
  momentum,
  rmsProp,
  type TrainableVariable,
  variableUpdates,
} from '../ops/trainable-variable.ts';
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { FeatureProducts } from './feature-products.ts';
import {
  decaysWeights,
  type FeatureMoment,
  featureShapeOf,
  keepsAverages,
  type Moment,
  momentsOf,
  type OptimizerKind,
} from './optimizer-tensors.ts';

export interface OptimizerConfig extends OptimizerKind {
  /** Gradients are scaled down to this global norm; 0: never. */
  clipNorm: number;
  /** Each gradient value is cut to ± this, before the norm is taken; 0: never. */
  clipValue: number;
  /** For AdamW and Muon: what a step takes off a matrix, as a share of it and of the learning rate. */
  weightDecay: number;
  /** What Muon's products are computed in where the native library runs them. Default float32. */
  precision?: Precision | undefined;
  features?: TokenFeatures | undefined;
}

/** β₁ and ε as in Kingma & Ba 2015; β₂ lower than their 0.999, for runs of few thousand steps. */
const BETA1 = 0.9;
const BETA2 = 0.99;
const EPSILON = 1e-8;

/** RMSProp's share of the mean square that a step keeps (Tieleman & Hinton 2012; as in PyTorch). */
const ALPHA = 0.99;

/** What Muon keeps of the sum of gradients (Jordan et al. 2024). */
const MUON_MOMENTUM = 0.95;

interface Slot {
  /** How many matrices the value is, one below the other; 0: it is no weight of a recurrent layer. */
  gates: number;
  value: TrainableVariable;
  moments: Partial<Record<Moment, TrainableVariable>>;
  /** What is kept for the features of the value's rows, and room for their update [G, columns]. */
  features?: Record<FeatureMoment | 'update', TrainableVariable>;
  /** The mean of the value; of nt-asgd nothing that counts before that is kept. */
  average?: TrainableVariable;
}

/** Parameters with what an optimizer keeps for each. */
export class Optimizer {
  readonly #config: OptimizerConfig;
  readonly #updates = variableUpdates();
  readonly #slots = new Map<string, Slot>();
  readonly #products: FeatureProducts | undefined;
  /** Updates made or left out so far. */
  #step: number;
  /** Updates in the means of nt-asgd; undefined: none are kept yet. */
  #averaged: number | undefined;

  /**
   * @param parameters first values by name, or what {@link exportParameters} gave
   * @param state what {@link exportState} gave, to go on from; otherwise moments start at zero
   * @param gatesOf how many matrices each parameter is (see `gateMatrices`); only Muon asks
   * @throws UserError `checkpoint-damaged` for a state that does not fit the parameters
   */
  constructor(
    config: OptimizerConfig,
    parameters: TensorMap,
    state?: { step: number; tensors: TensorMap; averaged?: number | undefined },
    gatesOf: (name: string) => number = () => 0,
  ) {
    this.#config = config;
    this.#step = state?.step ?? 0;
    this.#averaged = state?.averaged;
    const averages = keepsAverages(config);
    if (config.features) this.#products = new FeatureProducts(config.features);
    for (const [name, data] of parameters) {
      const kept = (what: string, first: () => TensorData, shape = data.shape) =>
        this.#create(state ? stateOf(state.tensors, `${what}.${name}`, shape) : first());
      const zeros = () => zerosOf(data.shape);
      const gates = gatesOf(name);
      const slot: Slot = {
        gates,
        value: averages ? kept('value', () => data) : this.#create(data),
        moments: {},
      };
      for (const moment of momentsOf(config, gates)) slot.moments[moment] = kept(moment, zeros);
      const shape = featureShapeOf(config, { name, shape: [...data.shape] });
      if (shape) {
        const first = () => zerosOf(shape);
        slot.features = {
          featureMean: kept('featureMean', first, shape),
          featureVariance: kept('featureVariance', first, shape),
          update: this.#create(first()),
        };
      }
      if (averages) slot.average = this.#create(data);
      this.#slots.set(name, slot);
    }
  }

  /** Updates made or left out so far. */
  get step(): number {
    return this.#step;
  }

  /** Updates in the means of nt-asgd; undefined: none are kept yet. */
  get averaged(): number | undefined {
    return this.#averaged;
  }

  /** From the next update on, nt-asgd keeps the mean of each parameter. */
  startAveraging(): void {
    this.#averaged ??= 0;
  }

  /** The parameters' names, in the order of {@link read} and {@link update}. */
  get names(): string[] {
    return [...this.#slots.keys()];
  }

  /** The parameters now. Dispose them before {@link update}, which otherwise has to copy them. */
  read(): tf.Tensor[] {
    return [...this.#slots.values()].map(({ value }) => value.read());
  }

  /** What is to be evaluated, in the order of {@link names}: the parameters, or their means. */
  readAverages(): tf.Tensor[] {
    return [...this.#slots.values()].map((slot) => this.#evaluated(slot).read());
  }

  #evaluated({ value, average }: Slot): TrainableVariable {
    const isKept = (this.#config.ema ?? 0) > 0 || (this.#averaged ?? 0) > 0;
    return isKept && average ? average : value;
  }

  /**
   * Clips the gradients and updates the parameters by them. Where the gradients or their norm are not
   * finite, the update is left out.
   *
   * @param gradients one a parameter, in the order of {@link names}; they are disposed
   * @returns the gradients' global norm √Σg², after cutting by value and before scaling
   */
  update(gradients: tf.Tensor[], learningRate: number): number {
    const { clipValue, clipNorm } = this.#config;
    if (clipValue > 0 && !areFinite(gradients)) return this.leaveOut(gradients);
    const cut = cutByValue(gradients, clipValue);
    const { norm, clipped } = clipByGlobalNorm(cut, clipNorm);
    if (!Number.isFinite(norm)) return this.leaveOut(clipped, norm);
    this.#apply(clipped, learningRate);
    return norm;
  }

  /**
   * As {@link update}, without a number that is read, so that nothing waits for the gradients. Where they or
   * their norm are not finite, no more are the parameters after it: they are of no use then.
   *
   * @returns the norm [], which is not finite if not all gradients were
   */
  updateUnread(gradients: tf.Tensor[], learningRate: number): tf.Scalar {
    const { clipValue, clipNorm } = this.#config;
    // Cutting by value makes numbers of those that are not finite.
    const notFinite = clipValue > 0 ? zeroIfFinite(gradients) : undefined;
    const { norm, clipped } = clipUnread(cutByValue(gradients, clipValue), clipNorm);
    this.#apply(clipped, learningRate);
    if (!notFinite) return norm;
    const sum = tf.add<tf.Scalar>(norm, notFinite);
    tf.dispose([norm, notFinite]);
    return sum;
  }

  /** The update by gradients that are clipped; they are disposed. */
  #apply(gradients: tf.Tensor[], learningRate: number): void {
    this.#step += 1;
    if (this.#averaged !== undefined) this.#averaged += 1;
    const keep = this.#averageShare();
    const byMuon: MuonWeight[] = [];
    for (const [i, slot] of [...this.#slots.values()].entries()) {
      const gradient = gradients[i] as tf.Tensor;
      const { value, gates, moments } = slot;
      if (this.#config.optimizer === 'muon' && moments.velocity) {
        byMuon.push({ value, velocity: moments.velocity, gradient, gates });
      } else {
        this.#updateOne(slot, gradient, learningRate);
        gradient.dispose();
      }
    }
    const { weightDecay, precision } = this.#config;
    muon(byMuon, { learningRate, momentum: MUON_MOMENTUM, weightDecay, precision });
    tf.dispose(byMuon.map(({ gradient }) => gradient));
    if (keep !== undefined) this.#updateAverages(keep);
  }

  /** Counts an update without making it, disposes the gradients and gives their norm back. */
  leaveOut(gradients: tf.Tensor[], norm = Number.NaN): number {
    tf.dispose(gradients);
    this.#step += 1;
    return norm;
  }

  #updateOne(slot: Slot, gradient: tf.Tensor, learningRate: number): void {
    const { value, moments } = slot;
    const { optimizer, weightDecay, momentum: share = 0 } = this.#config;
    const { mean, variance, velocity } = moments;
    if (decaysWeights(optimizer) && weightDecay > 0 && value.shape.length > 1) {
      value.take(tf.tidy(() => tf.mul(value.read(), 1 - learningRate * weightDecay)));
    }
    if (mean && variance) {
      this.#updates.adam(value, mean, variance, gradient, this.#adamStep(learningRate));
      if (slot.features) this.#updateByFeatures(slot, gradient, learningRate);
    } else if (variance) {
      const constants = { learningRate, alpha: ALPHA, epsilon: EPSILON };
      rmsProp(value, variance, gradient, constants);
    } else if (velocity) {
      momentum(value, velocity, gradient, learningRate, share);
    } else {
      this.#updates.gradientDescent(value, gradient, learningRate);
    }
  }

  #adamStep(learningRate: number): AdamStep {
    return { learningRate, beta1: BETA1, beta2: BETA2, epsilon: EPSILON, step: this.#step };
  }

  /**
   * value ← value + S·u, with u the update that Adam makes of the features' gradient Sᵀ·gradient, and S their
   * matrix (see `FeatureProducts`). That is what becomes of W + S·F where Adam learns both, and both decay alike: a
   * sum of a token's own vector and of those of its features (Botha & Blunsom 2014; Bojanowski et al. 2017).
   */
  #updateByFeatures({ value, features }: Slot, gradient: tf.Tensor, learningRate: number): void {
    const { featureMean, featureVariance, update } = features as NonNullable<Slot['features']>;
    const products = this.#products as FeatureProducts;
    tf.tidy(() => {
      update.assign(tf.fill(update.shape as number[], 0));
      const ofFeatures = products.gradientOf(gradient as tf.Tensor2D);
      const step = this.#adamStep(learningRate);
      this.#updates.adam(update, featureMean, featureVariance, ofFeatures, step);
      this.#updates.gradientDescent(value, products.spread(update.read() as tf.Tensor2D), -1);
    });
  }

  /** average ← keep · average + (1 − keep) · value */
  #updateAverages(keep: number): void {
    const means = [...this.#slots.values()].flatMap(({ value, average }) =>
      average ? [{ mean: average, value }] : [],
    );
    if (keep > 0) {
      moveMeans(means, 1 - keep);
      return;
    }
    // The first of nt-asgd's is the value to the last bit, whatever was there before.
    for (const { mean, value } of means) tf.tidy(() => mean.assign(value.read()));
  }

  /** What the update leaves of the means before it; undefined: none are kept. */
  #averageShare(): number | undefined {
    const { ema = 0 } = this.#config;
    if (ema > 0) return Math.min(ema, (1 + this.#step) / (10 + this.#step));
    return this.#averaged && (this.#averaged - 1) / this.#averaged;
  }

  /** What {@link readAverages} reads, by name. */
  exportParameters(): TensorMap {
    return new Map(
      [...this.#slots].map(([name, slot]) => [name, exportVariable(this.#evaluated(slot))]),
    );
  }

  /** What is kept beside that, by the names of `optimizerTensors`, such as `mean.fc.bias`. */
  exportState(): TensorMap {
    const state: TensorMap = new Map();
    for (const [name, { value, moments, average, features }] of this.#slots) {
      const keep = (what: string, variable: TrainableVariable) =>
        state.set(`${what}.${name}`, exportVariable(variable));
      for (const [moment, variable] of Object.entries(moments)) keep(moment, variable);
      if (average) keep('value', value);
      if (!features) continue;
      keep('featureMean', features.featureMean);
      keep('featureVariance', features.featureVariance);
    }
    return state;
  }

  dispose(): void {
    for (const { value, moments, average, features } of this.#slots.values()) {
      for (const variable of [value, ...Object.values(moments), average]) variable?.dispose();
      for (const variable of Object.values(features ?? {})) variable.dispose();
    }
    this.#slots.clear();
    this.#products?.dispose();
  }

  #create(data: TensorData): TrainableVariable {
    const first = tensorOf(data);
    const variable = this.#updates.create(first);
    first.dispose();
    return variable;
  }
}

/** Whether all values are, before cutting makes numbers of those that are not. */
function areFinite(tensors: tf.Tensor[]): boolean {
  return tf.tidy(() =>
    tensors.every((tensor) => tf.sum(tf.mul(tensor, 0)).dataSync<'float32'>()[0] === 0),
  );
}

/** 0 [], or NaN if one of the values is not finite. */
function zeroIfFinite(tensors: tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => tf.addN(tensors.map((tensor) => tf.sum<tf.Scalar>(tf.mul(tensor, 0)))));
}

/** The gradients with each value cut to ± `limit`; those given are disposed if they change. */
function cutByValue(gradients: tf.Tensor[], limit: number): tf.Tensor[] {
  if (limit === 0) return gradients;
  const cut = gradients.map((gradient) => tf.clipByValue(gradient, -limit, limit));
  tf.dispose(gradients);
  return cut;
}

function zerosOf(shape: readonly number[]): TensorData {
  return { shape, data: new Float32Array(elementCount(shape)) };
}

function stateOf(tensors: TensorMap, name: string, shape: readonly number[]): TensorData {
  assertTensors(tensors, [{ name, shape: [...shape] }], 'optimizer.safetensors');
  return tensors.get(name) as TensorData;
}

function exportVariable(variable: TrainableVariable): TensorData {
  const tensor = variable.read();
  const exported = dataOf(tensor);
  tensor.dispose();
  return exported;
}
