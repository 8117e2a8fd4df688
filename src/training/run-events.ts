/** What a run tells whoever iterates it. */
import type { RunSnapshot } from './run-snapshot.ts';

export type RunEvent =
  | {
      type: 'step';
      step: number;
      epoch: number;
      loss: number;
      learningRate: number;
      gradientNorm: number;
      tokensPerSecond: number;
      elapsedSeconds: number;
      /** The share of the budget that is used, in [0, 1]. */
      progress: number;
    }
  /** The step's loss lies far above `usualLoss`, that of the steps before. */
  | { type: 'spike'; step: number; loss: number; usualLoss: number }
  /** The step changed nothing, as `found` is not finite. */
  | { type: 'skip'; step: number; found: string }
  /** `found` is not finite at `step`: the run goes on from `toStep`, with that share of the rate. */
  | { type: 'rollback'; step: number; toStep: number; found: string; rateShare: number }
  | { type: 'evaluating'; step: number; share: number }
  | { type: 'eval'; step: number; natsPerToken: number; isBest: boolean }
  /** From the next step on, the mean of the weights is kept and evaluated. */
  | { type: 'averaging'; step: number }
  | { type: 'sample'; step: number; text: string }
  /** Before a snapshot is taken: two at a time would take much memory. */
  | { type: 'saving'; step: number }
  | { type: 'save'; step: number; isBest: boolean; snapshot: RunSnapshot }
  | { type: 'stopped'; step: number }
  | {
      type: 'end';
      step: number;
      elapsedSeconds: number;
      bestNatsPerToken: number;
      bestStep: number;
    };
