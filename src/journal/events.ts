/** What a run's journal is made of. */
import type { RunEvent } from '../training/run-events.ts';

export type JournalEvent = Extract<
  RunEvent,
  { type: 'step' | 'skip' | 'eval' | 'sample' | 'rollback' }
>;
