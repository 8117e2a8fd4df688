import { assertCellOptions, LIMITS } from '../config/train.ts';
import { type TrainOptions, trainOptions } from '../config/train-options.ts';
import { UserError } from '../errors.ts';
import type { GivenOptions } from '../option-table.ts';
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
const NEVER_KEPT = [
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
export function resumeOptions(
  stored: TrainOptions,
  given: GivenOptions<typeof trainOptions>,
): TrainOptions {
  const options = { ...stored } as Record<string, unknown>;
  // A limit that is given takes the place of all that the run had.
  if (LIMITS.some((limit) => given[limit] !== undefined)) {
    for (const limit of LIMITS) delete options[limit];
  }
  for (const name of NEVER_KEPT) delete options[name];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (value === false && options[name] === undefined)) continue;
    // As texts: some values are lists.
    if (!CHANGEABLE.has(name) && String(options[name]) !== String(value)) {
      const { flag } = trainOptions[name as keyof typeof trainOptions];
      throw new UserError(
        'usage',
        `--${flag}: expected ${options[name] ?? 'what the run began with'}, as the run to resume has it, found ${value}`,
        `Leave out --${flag}, or begin a new run with another --out.`,
      );
    }
    options[name] = value;
  }
  assertCellOptions(options as TrainOptions);
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

/** A rate that is given anew takes the place of what rollbacks had left of the old one. */
export function withRate(
  snapshot: RunSnapshot,
  stored: TrainOptions,
  options: TrainOptions,
): RunSnapshot {
  if (options.learningRate === stored.learningRate) return snapshot;
  const { rollbacks, ...run } = snapshot.run;
  return { ...snapshot, run };
}
