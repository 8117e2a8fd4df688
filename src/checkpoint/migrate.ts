/** Checkpoints of earlier versions in today's format. */

import type { CheckpointContents } from './format.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

type Timed = Pick<CheckpointContents, 'training' | 'history' | 'clock'>;

/**
 * Version 1 had its times among the rest: `run.elapsedSeconds` in `training.json`, and
 * `elapsedSeconds` in each entry of `history.json`.
 */
export function fromVersion1({ training, history }: Omit<Timed, 'clock'>): Timed {
  const run = takeElapsed(training.run);
  const entries = history.map(takeElapsed);
  return {
    training: { ...training, run: run.rest },
    history: entries.map(({ rest }) => rest),
    clock: {
      elapsedSeconds: run.elapsedSeconds,
      validationSeconds: 0,
      history: entries.map(({ elapsedSeconds }) => elapsedSeconds),
    },
  };
}

/** A value without its `elapsedSeconds`; what is no object is left to whoever reads it. */
function takeElapsed(value: JsonValue | undefined): {
  elapsedSeconds: JsonValue;
  rest: JsonValue;
} {
  if (!isJsonObject(value)) return { elapsedSeconds: null, rest: value ?? null };
  const { elapsedSeconds = null, ...rest }: JsonObject = value;
  return { elapsedSeconds, rest };
}
