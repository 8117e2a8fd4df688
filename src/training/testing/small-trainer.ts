/** Trainers of seconds, for tests: what they train on, how, and what is kept of them. */
import { sharedFeatures } from '../../data/token-features.ts';
import { TokenArray } from '../../data/token-sequence.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import type { TrainerConfig, TrainerSnapshot } from '../trainer.ts';

/** Tokens of a vocabulary of 11 without much of a pattern. */
export function patternless(length: number): TokenArray {
  return new TokenArray(
    Int32Array.from({ length }, (_, i) => (i * 7 + (i >> 2) + ((i * i) >> 5)) % 11),
  );
}

/** Features of {@link patternless} tokens, as if they were these words. */
export const features = sharedFeatures(
  'the The the, then men man. walking talking -- other mother'.split(' '),
);

export type TrainerOverrides = Partial<Omit<TrainerConfig, 'model'>> & {
  model?: Partial<ModelConfig>;
};

/** A model of {@link patternless} tokens, and how it is trained. */
export function trainerConfig({ model, ...rest }: TrainerOverrides = {}): TrainerConfig {
  return {
    model: {
      vocabularySize: 11,
      embeddingSize: 4,
      hiddenSize: 6,
      layers: 2,
      gruVariant: 'reset-after',
      dropout: 0.25,
      ...model,
    },
    batchSize: 4,
    bptt: 7,
    seed: 5,
    precision: 'float32',
    optimizer: 'adam',
    clipNorm: 0.5,
    clipValue: 0,
    weightDecay: 0.1,
    ...rest,
  };
}

/** A snapshot that shares nothing with the trainer, as after a checkpoint. */
export function frozen(snapshot: TrainerSnapshot): TrainerSnapshot {
  const progress = JSON.parse(JSON.stringify(snapshot.progress)) as TrainerSnapshot['progress'];
  return { ...structuredClone({ ...snapshot, progress: null }), progress };
}
