/** Small models of all kinds that there are to export, with weights at random, and what they say of a text. */
import * as tf from '@tensorflow/tfjs-core';
import { trainTokenizer } from '../../data/tokenizer.ts';
import { forward, logitsOf, zeroState } from '../../model/language-model.ts';
import { type ModelConfig, weightSpecs } from '../../model/parameters.ts';
import { logProbabilitiesOf } from '../../model/predictions.ts';
import { weightsOf } from '../../model/weights.ts';
import { Random } from '../../random.ts';
import type { TensorMap } from '../../tensor-data.ts';
import type { ExportedModel } from '../exported-model.ts';
import { type Quantization, roundTrip } from '../quantize.ts';

const TOKENIZER = trainTokenizer('the quick brown fox jumps over the lazy dog', { kind: 'char' });

const PLAIN: ModelConfig = {
  vocabularySize: TOKENIZER.vocabularySize,
  ...{ embeddingSize: 5, hiddenSize: 6, layers: 2 },
  gruVariant: 'reset-after',
  dropout: 0.2,
  dropoutMask: 'step',
};
const BEFORE: ModelConfig = { ...PLAIN, gruVariant: 'reset-before' };

/** What is exported differs by these. */
export const SMALL_CONFIGS: Readonly<Record<string, ModelConfig>> = {
  'reset-after': PLAIN,
  'reset-before': BEFORE,
  'one layer of reset-before, tied': { ...BEFORE, layers: 1, tied: true, embeddingSize: 6 },
  'tied, with a projection': { ...PLAIN, tied: true },
  'reset-after by relu': { ...PLAIN, activation: 'relu' },
  'reset-before by leaky-relu': { ...BEFORE, activation: 'leaky-relu' },
  lstm: { ...PLAIN, cell: 'lstm' },
  'lstm, layer norm, residual': { ...PLAIN, cell: 'lstm', norm: 'layer', residual: true },
  rnn: { ...PLAIN, cell: 'rnn' },
  'rnn by relu': { ...PLAIN, cell: 'rnn', activation: 'relu' },
  'rnn by leaky-relu': { ...PLAIN, cell: 'rnn', activation: 'leaky-relu' },
  mingru: { ...PLAIN, cell: 'mingru' },
  'batch norm, residual': { ...PLAIN, norm: 'batch', residual: true, embeddingSize: 6 },
  'reset-before, layer norm': { ...BEFORE, norm: 'layer' },
  'adaptive softmax': { ...PLAIN, hiddenSize: 16, softmaxCutoffs: [10, 20] },
};

export function smallModel(config: ModelConfig, quantization: Quantization): ExportedModel {
  const random = new Random(3);
  const weights: TensorMap = new Map(
    weightSpecs(config).map(({ name, shape }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      // A variance is above 0.
      const centre = name.endsWith('running_var') ? 1 : 0;
      const data = Float32Array.from({ length: size }, () => centre + 1.4 * random.uniform() - 0.7);
      return [name, { shape, data }];
    }),
  );
  return { config, weights, tokenizer: TOKENIZER.toJSON(), step: 12, quantization };
}

/** What a program should make of an exported model. */
export interface Expected {
  /** [batch][time] */
  tokens: number[][];
  /** [batch][time][vocabulary] */
  logits: number[][][];
  /** After the last token, by kind (`h`, and `c` of an LSTM): [layers][batch][hidden] */
  states: Record<string, number[][][]>;
}

/** Of texts that begin with states of zeros, by the current backend. */
export function expectedOf({ config, weights, quantization }: ExportedModel): Expected {
  const [B, T] = [2, 7];
  const random = new Random(5);
  const tokens = Array.from({ length: B }, () =>
    Array.from({ length: T }, () => random.integer(config.vocabularySize)),
  );
  return tf.tidy(() => {
    const tensors = weightsOf(roundTrip(weights, quantization));
    const timeMajor = tokens[0]!.flatMap((_, t) => tokens.map((stream) => stream[t]!));
    const { features, state } = forward(
      config,
      tensors,
      tf.tensor1d(timeMajor, 'int32'),
      zeroState(config, B),
    );
    const scores = config.softmaxCutoffs
      ? logProbabilitiesOf(tensors, features)
      : logitsOf(tensors, features); // [T·B, V]
    const V = config.vocabularySize;
    const rows = scores.arraySync();
    const logits = tokens.map((stream, b) => stream.map((_, t) => rows[t * B + b] as number[]));
    if (logits[0]![0]!.length !== V) throw new Error(`expected ${V} scores`);
    const kinds = config.cell === 'lstm' ? ['h', 'c'] : ['h'];
    const states = Object.fromEntries(
      kinds.map((kind, i) => [
        kind,
        Array.from({ length: config.layers }, (_, k) =>
          (state[k * kinds.length + i] as tf.Tensor2D).arraySync(),
        ),
      ]),
    );
    return { tokens, logits, states };
  });
}
