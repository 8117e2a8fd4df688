/** The product's own training step. */
import { startBackend, trainerOf } from './gru-lm.ts';
import { answer, timeSteps, work } from './measure.ts';

const versions = await startBackend(work);
const trainer = trainerOf(work);
answer(
  timeSteps(() => trainer.trainStep(1e-3)),
  versions,
);
