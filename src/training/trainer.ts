/** One training step, and all the state that the next one starts from. */
import * as tf from '@tensorflow/tfjs-core';
import { type BatchCursor, StatefulBatches } from '../data/batches.ts';
import type { TokenSequence } from '../data/token-sequence.ts';
import { UserError } from '../errors.ts';
import type { OutputBias } from '../model/initial-values.ts';
import { forward, type HiddenState, type Weights, zeroState } from '../model/language-model.ts';
import type { Statistics } from '../model/normalisation.ts';
import { gateMatrices, type ModelConfig, type ParameterSpec } from '../model/parameters.ts';
import { meanLossOf } from '../model/predictions.ts';
import type { BatchPart } from '../model/regularisation.ts';
import { stateSpecs } from '../model/states.ts';
import { dataOf, initialParameters, selectParameters, tensorOf } from '../model/weights.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import { Random, type RandomState } from '../random.ts';
import type { TensorMap } from '../tensor-data.ts';
import { Optimizer, type OptimizerConfig } from './optimizer.ts';
import { RunningStatistics } from './running-statistics.ts';
import type { StartedStep, StepResult } from './step-result.ts';
import { type BpttSchedule, rateShareOf, shortestWindow, windowLength } from './window-lengths.ts';

export interface TrainerConfig extends OptimizerConfig {
  model: ModelConfig;
  /** B, streams side by side. */
  batchSize: number;
  /** T, steps of a window. */
  bptt: number;
  /** How the steps of a window differ from T. Default constant: not. */
  bpttSchedule?: BpttSchedule | undefined;
  /**
   * Parts that a batch is cut into by streams, gone through one after the other: less memory, and the
   * gradients of the whole batch but for the rounding of sums, and for batch normalisation, by which each part is
   * normalised by itself. Divides B. Default 1.
   */
  gradientAccumulation?: number | undefined;
  seed: number;
  /** Default zero. */
  outputBias?: OutputBias | undefined;
  /** What products are multiplied in; sums, states and weights are float32. */
  precision: Precision;
}

interface LossAndGradients {
  loss: tf.Tensor;
  gradients: tf.Tensor[];
  state: HiddenState;
  /** Of each part. */
  statistics: readonly Statistics[];
}

/** What a new run begins with. */
export interface Beginning {
  /** By `weightSpecs`. Default: what chance decides. */
  weights?: TensorMap | undefined;
  /** How often each token occurs [V], for an `outputBias` of frequencies. */
  tokenCounts?: Float64Array | undefined;
}

/** All that the next step depends on; survives a checkpoint unchanged. */
export interface TrainerSnapshot {
  /** What is to be evaluated: where means are kept, those; and statistics, by `weightSpecs`. */
  parameters: TensorMap;
  optimizer: TensorMap;
  /** By `stateSpecs`. */
  hiddenState: TensorMap;
  progress: TrainerProgress;
}

/** The part of a snapshot that is not tensors. */
export type TrainerProgress = {
  readonly step: number;
  readonly cursor: BatchCursor;
  readonly offsetRandom: RandomState;
  readonly dropoutRandom: RandomState;
  /** Draws the lengths of windows. Absent where every window has T. */
  readonly windowRandom?: RandomState;
  /** Updates in the means of nt-asgd. Absent: none are kept yet, or ever. */
  readonly averaged?: number;
};

/** Trains a model on token ids by truncated backpropagation through time. */
export class Trainer {
  readonly #config: TrainerConfig;
  readonly #batches: StatefulBatches;
  readonly #optimizer: Optimizer;
  readonly #statistics: RunningStatistics;
  readonly #offsetRandom: Random;
  readonly #dropoutRandom: Random;
  readonly #windowRandom: Random;
  #state: HiddenState;

  /**
   * @param tokens the training tokens
   * @param snapshot what {@link snapshot} gave, to go on from; otherwise a new run
   * @throws UserError for too few tokens, or a snapshot or weights that do not fit the config
   */
  constructor(
    config: TrainerConfig,
    tokens: TokenSequence,
    snapshot?: TrainerSnapshot,
    { weights: initialWeights, tokenCounts }: Beginning = {},
  ) {
    this.#config = config;
    const root = new Random(config.seed);
    const progress = snapshot?.progress;
    this.#offsetRandom = progress ? Random.fromState(progress.offsetRandom) : root.fork('offset');
    this.#dropoutRandom = progress
      ? Random.fromState(progress.dropoutRandom)
      : root.fork('dropout');
    this.#windowRandom =
      progress && this.#windowsDiffer
        ? Random.fromState(progress.windowRandom)
        : root.fork('window');
    this.#batches = new StatefulBatches(tokens, {
      batchSize: config.batchSize,
      steps: config.bptt,
      randomOffset: this.#offsetRandom,
      shortest: this.#windowsDiffer ? shortestWindow(config.bptt) : undefined,
    });
    if (progress) this.#batches.restore(progress.cursor);
    const found = snapshot?.parameters ?? initialWeights;
    const counts = config.outputBias === 'frequencies' ? tokenCounts : undefined;
    const weights = found
      ? selectParameters(config.model, found, 'weights')
      : initialParameters(config.model, root.fork('parameters'), counts);
    this.#statistics = new RunningStatistics(config.model, weights);
    this.#optimizer = new Optimizer(
      config,
      new Map([...weights].filter(([name]) => !this.#statistics.has(name))),
      snapshot && { ...snapshot.progress, tensors: snapshot.optimizer },
      (name) => gateMatrices(name, config.model.cell),
    );
    this.#state = snapshot ? this.#restoreState(snapshot) : this.#zeroState();
  }

  /** Steps made so far, with those that changed no parameter. */
  get step(): number {
    return this.#optimizer.step;
  }

  /** Whether nt-asgd keeps means of the parameters, or does from the next step on. */
  get isAveraging(): boolean {
    return this.#optimizer.averaged !== undefined;
  }

  /** From the next step on, nt-asgd keeps the mean of each parameter, which is then evaluated. */
  startAveraging(): void {
    this.#optimizer.startAveraging();
  }

  /** Steps that one pass over the text takes; where windows differ in length, if they had T. */
  get stepsPerEpoch(): number {
    return this.#batches.windowsPerEpoch;
  }

  /** Passes over the text so far, where windows differ in length: steps do not tell then. */
  get passes(): number | undefined {
    return this.#windowsDiffer ? this.#batches.passes : undefined;
  }

  /**
   * Forward and loss, gradients, clip, update, over the next window of every stream.
   *
   * @param share of the run that is done, in [0, 1], for windows that grow with it
   */
  trainStep(learningRate: number, share = 1): StepResult {
    const { ids, rate, ...window } = this.#nextWindow(learningRate, share);
    const { loss, gradients, state, statistics } = this.#lossAndGradients(...ids);
    const lossValue = loss.dataSync<'float32'>()[0] as number;
    const gradientNorm = Number.isFinite(lossValue)
      ? this.#optimizer.update(gradients, rate)
      : this.#optimizer.leaveOut(gradients);
    const isApplied = Number.isFinite(gradientNorm);

    this.#replaceState(isApplied ? state : this.#zeroState());
    if (isApplied) this.#statistics.add(statistics);
    tf.dispose([...ids, loss, ...(isApplied ? [] : state)]);
    for (const tensors of statistics) tf.dispose(Object.values(tensors));
    return { loss: lossValue, gradientNorm, ...window, isApplied };
  }

  /**
   * As {@link trainStep}, but that nothing is read, so that a GPU goes on to the next step at once. The step is
   * made whatever its numbers are: if `readSteps` finds one that was not finite, the trainer is of no use any
   * more.
   */
  startStep(learningRate: number, share = 1): StartedStep {
    const { ids, rate, ...window } = this.#nextWindow(learningRate, share);
    const { loss, gradients, state, statistics } = this.#lossAndGradients(...ids);
    const gradientNorm = this.#optimizer.updateUnread(gradients, rate);
    this.#replaceState(state);
    this.#statistics.add(statistics);
    tf.dispose([...ids]);
    for (const tensors of statistics) tf.dispose(Object.values(tensors));
    return { loss, gradientNorm, ...window };
  }

  /** The next window of every stream, with a state of zeros if it begins an epoch. */
  #nextWindow(learningRate: number, share: number) {
    const { bptt, bpttSchedule = 'constant' } = this.#config;
    const length = windowLength(bpttSchedule, bptt, share, this.#windowRandom);
    const { inputs, targets, steps, epoch, startsEpoch } = this.#batches.next(length);
    if (startsEpoch) this.#replaceState(this.#zeroState());
    const ids = [tf.tensor1d(inputs), tf.tensor1d(targets)] as const; // [T·B] each
    return {
      ids,
      rate: learningRate * rateShareOf(bpttSchedule, bptt, steps),
      steps,
      epoch,
      startsEpoch,
    };
  }

  /** Of a batch, part by part. */
  #lossAndGradients(inputs: tf.Tensor1D, targets: tf.Tensor1D): LossAndGradients {
    const { gradientAccumulation: parts = 1, batchSize } = this.#config;
    if (parts === 1) return this.#partOf(inputs, targets, this.#state, this.#dropoutRandom);
    const masks = this.#dropoutRandom.state();
    const B = batchSize / parts;
    const T = inputs.size / batchSize;
    const streams = (ids: tf.Tensor1D, part: number): tf.Tensor1D =>
      tf.tidy(() => {
        const some = tf.slice(tf.reshape(ids, [T, batchSize]), [0, part * B], [T, B]);
        return tf.reshape(some, [T * B]);
      });
    let sums: tf.Tensor[] = [];
    const states: HiddenState[] = [];
    const statistics: Statistics[] = [];
    for (let part = 0; part < parts; part++) {
      const ids = [streams(inputs, part), streams(targets, part)] as const;
      const before = this.#state.map((layer) => tf.slice(layer, part * B, B) as tf.Tensor2D);
      // Each draws the masks of all streams; after the last, so has the batch.
      const random = part < parts - 1 ? Random.fromState(masks) : this.#dropoutRandom;
      const found = this.#partOf(...ids, before, random, { index: part, count: parts });
      tf.dispose([...ids, ...before]);
      sums = addTo(sums, [found.loss, ...found.gradients]);
      states.push(found.state);
      statistics.push(...found.statistics);
    }
    const [loss, ...gradients] = sums.map((sum) => tf.div(sum, parts)) as [tf.Tensor];
    const state = this.#state.map((_, layer) =>
      tf.concat<tf.Tensor2D>(states.map((of) => of[layer]!)),
    );
    tf.dispose([...sums, ...states.flat()]);
    return { loss, gradients, state, statistics };
  }

  #partOf(
    inputs: tf.Tensor1D,
    targets: tf.Tensor1D,
    before: HiddenState,
    dropout: Random,
    part?: BatchPart,
  ): LossAndGradients {
    const { model, precision } = this.#config;
    const parameters = this.#optimizer.read();
    let state: HiddenState = [];
    let loss: tf.Scalar | undefined;
    let statistics: Statistics = {};
    const { value, grads } = tf.engine().gradients(() => {
      const weights = this.#named(parameters);
      const options = { dropout, part, precision };
      const result = forward(model, weights, inputs, before, options);
      state = result.state.map((tensor) => tf.keep(tensor));
      statistics = result.statistics;
      for (const tensor of Object.values(statistics)) tf.keep(tensor);
      const crossEntropy = meanLossOf(weights, result.features, targets, precision);
      if (!result.penalty) return crossEntropy;
      loss = tf.keep(crossEntropy);
      return tf.add(crossEntropy, result.penalty);
    }, parameters);
    tf.dispose(parameters);
    if (loss) value.dispose();
    return { loss: loss ?? value, gradients: grads, state, statistics: [statistics] };
  }

  /** Calls `use` with what is to be evaluated, and disposes that when it is done. */
  async withWeights<Result>(use: (weights: Weights) => Result | Promise<Result>): Promise<Result> {
    const parameters = this.#optimizer.readAverages();
    try {
      return await use(this.#named(parameters));
    } finally {
      tf.dispose(parameters);
    }
  }

  /** Copies of all that the next step depends on. */
  snapshot(): TrainerSnapshot {
    const { averaged } = this.#optimizer;
    return {
      parameters: new Map([...this.#optimizer.exportParameters(), ...this.#statistics.export()]),
      optimizer: this.#optimizer.exportState(),
      hiddenState: new Map(this.#stateSpecs.map(({ name }, i) => [name, dataOf(this.#state[i]!)])),
      progress: {
        step: this.step,
        cursor: this.#batches.cursor(),
        offsetRandom: this.#offsetRandom.state(),
        dropoutRandom: this.#dropoutRandom.state(),
        ...(this.#windowsDiffer && { windowRandom: this.#windowRandom.state() }),
        ...(averaged !== undefined && { averaged }),
      },
    };
  }

  dispose(): void {
    this.#optimizer.dispose();
    this.#statistics.dispose();
    tf.dispose(this.#state);
  }

  get #windowsDiffer(): boolean {
    return (this.#config.bpttSchedule ?? 'constant') !== 'constant';
  }

  #named(parameters: tf.Tensor[]): Weights {
    const named = this.#optimizer.names.map((name, i) => [name, parameters[i]!] as const);
    return { ...Object.fromEntries(named), ...this.#statistics.read() };
  }

  get #stateSpecs(): ParameterSpec[] {
    return stateSpecs(this.#config.model, this.#config.batchSize);
  }

  #zeroState(): HiddenState {
    return zeroState(this.#config.model, this.#config.batchSize);
  }

  #replaceState(state: HiddenState): void {
    tf.dispose(this.#state);
    this.#state = state;
  }

  #restoreState({ hiddenState }: TrainerSnapshot): HiddenState {
    return this.#stateSpecs.map(({ name, shape }) => {
      const found = hiddenState.get(name);
      if (found?.shape.join() !== shape.join()) {
        throw new UserError(
          'checkpoint-damaged',
          `state: expected a tensor "${name}" of shape [${shape.join(', ')}], found ${found ? `[${found.shape.join(', ')}]` : 'none'}`,
          'The state and the config do not belong together: use another checkpoint.',
        );
      }
      return tensorOf(found) as tf.Tensor2D;
    });
  }
}

/** Adds up and disposes what is added; `sums` may be empty. */
function addTo(sums: tf.Tensor[], tensors: tf.Tensor[]): tf.Tensor[] {
  if (sums.length === 0) return tensors;
  const added = tensors.map((tensor, i) => tf.add(sums[i]!, tensor));
  tf.dispose([...sums, ...tensors]);
  return added;
}
