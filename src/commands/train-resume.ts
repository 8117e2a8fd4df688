import { assertAsStored } from '../config/as-stored.ts';
import { assertCellOptions, LIMITS } from '../config/train.ts';
import type { GivenTrainOptions, TrainOptions } from '../config/train-options.ts';
import { assertUseful } from '../config/useless-options.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';

/** What may be another on `--resume`; the rest makes the model or the order of the text. */
const CHANGEABLE: ReadonlySet<string> = new Set<keyof TrainOptions>([
  'epochs',
  'maxSteps',
  'maxTime',
  'learningRate',
  'learningRateDecay',
  'warmup',
  'clipNorm',
  'clipValue',
  'weightDecay',
  'patience',
  'nonMonotone',
  'dropout',
  'dropoutOutput',
  'dropoutEmbedding',
  'dropoutMask',
  'weightDrop',
  'activationRegularisation',
  'temporalRegularisation',
  'out',
  'resume',
  'overwrite',
  'evalEvery',
  'saveEvery',
  'sampleEvery',
  'keep',
  'onNan',
  'backend',
  'threads',
  'gpuMemory',
  'tf32',
  'precision',
  'json',
  'plot',
  'tensorboard',
  'quiet',
  'valid',
  'test',
]);

/** What says how the command is to run, and nothing of the run. */
export const NEVER_KEPT = [
  'json',
  'plot',
  'tensorboard',
  'quiet',
  'resume',
  'overwrite',
  'backend',
  'threads',
  'gpuMemory',
  'tf32',
] as const satisfies (keyof TrainOptions)[];

/**
 * The options of a run that goes on: its own, with those over them that may change.
 *
 * @throws UserError `usage` naming an option that may not
 */
export function resumeOptions(stored: TrainOptions, given: GivenTrainOptions): TrainOptions {
  const options = { ...stored } as Record<string, unknown>;
  // A limit that is given takes the place of all that the run had.
  if (LIMITS.some((limit) => given[limit] !== undefined)) {
    for (const limit of LIMITS) delete options[limit];
  }
  for (const name of NEVER_KEPT) delete options[name];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (value === false && options[name] === undefined)) continue;
    if (!CHANGEABLE.has(name)) {
      assertAsStored(name as keyof TrainOptions, options, given, 'resume');
    }
    options[name] = value;
  }
  assertCellOptions(options as TrainOptions);
  // What the run has, as a file that --print-config wrote of it says, is as it was chosen.
  const isNew = ([name, value]: [string, unknown]) => value !== stored[name as keyof TrainOptions];
  const added = Object.fromEntries(Object.entries(given).filter(isNew));
  assertUseful(added, options as TrainOptions);
  return {
    json: false,
    plot: false,
    quiet: false,
    resume: true,
    overwrite: false,
    backend: 'auto',
    tf32: false,
    ...options,
  } as TrainOptions;
}

/**
 * A rate that is given anew takes the place of what rollbacks and plateaus had left of the old one; plateaus of
 * a decay that did not go by them do not count for one that does.
 */
export function withRate(
  snapshot: RunSnapshot,
  stored: TrainOptions,
  options: TrainOptions,
): RunSnapshot {
  const isRateNew = options.learningRate !== stored.learningRate;
  const isDecayNew = options.learningRateDecay !== stored.learningRateDecay;
  if (!isRateNew && !isDecayNew) return snapshot;
  const { rollbacks, ...others } = snapshot.run;
  return { ...snapshot, run: { ...(isRateNew ? others : snapshot.run), plateaus: 0 } };
}
