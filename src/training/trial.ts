/** What a run will take, found by taking a step of it and throwing that away. */
import { resourceUsage } from 'node:process';
import type { TokenSequence } from '../data/token-sequence.ts';
import { turnEventLoop } from '../event-loop.ts';
import { Trainer, type TrainerConfig } from './trainer.ts';

export interface Trial {
  /** Seconds of one step, on this machine and at this moment. */
  readonly stepSeconds: number;
  readonly stepsPerEpoch: number;
  /** Bytes of memory that the process took at most: the runtime, the model and a step. */
  readonly peakBytes: number;
}

/** From here on a step is so slow that a second one, which would tell more exactly, is not worth it. */
const SLOW_STEP_SECONDS = 2;

/**
 * Times a step of the run that `config` describes: the second one, as the first also sets things up.
 *
 * @throws UserError as the run itself would, for too few tokens, and what `signal` aborts with
 */
export async function tryOut(
  config: TrainerConfig,
  tokens: TokenSequence,
  signal: AbortSignal,
): Promise<Trial> {
  // Windows that grow begin with less than most steps take.
  const trainer = new Trainer({ ...config, bpttSchedule: 'constant' }, tokens);
  try {
    let stepSeconds = await timeStep(trainer, signal);
    if (stepSeconds < SLOW_STEP_SECONDS) stepSeconds = await timeStep(trainer, signal);
    const peakBytes = resourceUsage().maxRSS * 1024;
    return { stepSeconds, stepsPerEpoch: trainer.stepsPerEpoch, peakBytes };
  } finally {
    trainer.dispose();
  }
}

async function timeStep(trainer: Trainer, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  trainer.trainStep(1e-3);
  const seconds = (performance.now() - startedMs) / 1000;
  await turnEventLoop();
  signal.throwIfAborted();
  return seconds;
}
