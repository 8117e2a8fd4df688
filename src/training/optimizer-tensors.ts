/** What the optimizers keep beside the parameters. */
import type { TokenFeatures } from '../data/token-features.ts';
import type { ParameterSpec } from '../model/parameters.ts';

export interface OptimizerKind {
  /**
   * `nt-asgd` is SGD that keeps, once it is told to, the mean of all parameters from then on; the mean is
   * then what is evaluated, saved and sampled from (Merity, Keskar & Socher 2017).
   */
  optimizer: 'adam' | 'adamw' | 'muon' | 'rmsprop' | 'sgd' | 'nt-asgd';
  /** For SGD and nt-asgd: what a step keeps of the one before, in [0, 1). Default 0. */
  momentum?: number | undefined;
  /**
   * What an update leaves of the running mean of each parameter, in [0, 1) (Polyak & Juditsky 1992);
   * the mean is what is evaluated, saved and sampled from. Less is left of the first, poor ones: update
   * t leaves min(ema, (1 + t)/(10 + t)). Default 0: no mean is kept.
   */
  ema?: number | undefined;
  /** Of tokens, by which those that have some in common learn from each other. Default: none do. */
  features?: Pick<TokenFeatures, 'featureCount'> | undefined;
}

/** Whether it is SGD, with a mean or without: its steps are as long as the gradient, which is clipped. */
export function isSgd(optimizer: OptimizerKind['optimizer'] | undefined): boolean {
  return optimizer === 'sgd' || optimizer === 'nt-asgd';
}

/** Whether weights decay by it. */
export function decaysWeights(optimizer: OptimizerKind['optimizer']): boolean {
  return optimizer === 'adamw' || optimizer === 'muon';
}

/** Running means of the gradient and of its square, and their sum with momentum. */
export type Moment = 'mean' | 'variance' | 'velocity';

/** @param gates how many matrices the parameter is (see `gateMatrices`) */
export function momentsOf(
  { optimizer, momentum = 0 }: OptimizerKind,
  gates = 0,
): readonly Moment[] {
  if (optimizer === 'muon' && gates > 0) return ['velocity'];
  if (isSgd(optimizer)) return momentum > 0 ? ['velocity'] : [];
  return optimizer === 'rmsprop' ? ['variance'] : ['mean', 'variance'];
}

/** Whether a mean of the parameters is kept, or may come to be. */
export function keepsAverages({ optimizer, ema = 0 }: OptimizerKind): boolean {
  return ema > 0 || optimizer === 'nt-asgd';
}

/** Parameters with a row for each token. */
const BY_TOKEN: readonly string[] = ['embedding.weight', 'fc.weight'];

/** Whether the optimizer goes by features of tokens: those with a step of its own size for each number do. */
export function usesFeatures(optimizer: OptimizerKind['optimizer']): boolean {
  return optimizer === 'adam' || decaysWeights(optimizer);
}

/** The shape [G, columns] of what is kept for the features of a parameter's rows; undefined: it learns by none. */
export function featureShapeOf(
  { optimizer, features }: OptimizerKind,
  { name, shape }: ParameterSpec,
): number[] | undefined {
  if (!features?.featureCount || !usesFeatures(optimizer) || !BY_TOKEN.includes(name)) {
    return undefined;
  }
  return [features.featureCount, ...shape.slice(1)];
}

/** The mean of the gradient of each feature, and of its square. */
export type FeatureMoment = 'featureMean' | 'featureVariance';

/**
 * The tensors that are kept for a parameter, which are called after it. `value` is the parameter itself, where its
 * mean is in its place, or may come to be.
 *
 * @param gates how many matrices the parameter is (see `gateMatrices`)
 */
export function optimizerTensors(
  kind: OptimizerKind,
  { name, shape }: ParameterSpec,
  gates = 0,
): ParameterSpec[] {
  const featureShape = featureShapeOf(kind, { name, shape });
  const ofFeatures: FeatureMoment[] = ['featureMean', 'featureVariance'];
  const ofValue = [...momentsOf(kind, gates), ...(keepsAverages(kind) ? ['value'] : [])];
  return [
    ...ofValue.map((kept) => ({ name: `${kept}.${name}`, shape })),
    ...(featureShape
      ? ofFeatures.map((kept) => ({ name: `${kept}.${name}`, shape: featureShape }))
      : []),
  ];
}
