/** Checkpoints of earlier versions in today's format. */

import { join } from 'node:path';
import { type CheckpointContents, PART_FILES } from './format.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { JsonField } from './json-field.ts';

type Timed = Pick<CheckpointContents, 'training' | 'history' | 'clock'>;

/**
 * Version 1 had its times among the rest: `run.elapsedSeconds` in `training.json`, and
 * `elapsedSeconds` in each entry of `history.json`.
 *
 * @param path the checkpoint's, for the message
 * @throws UserError `checkpoint-damaged` naming the file and the place where no time is
 */
export function fromVersion1({ training, history }: Omit<Timed, 'clock'>, path: string): Timed {
  const run = new JsonField(join(path, PART_FILES.training), training).get('run');
  const elapsedSeconds = run.get('elapsedSeconds').number({ min: 0 });
  const seconds = new JsonField(join(path, PART_FILES.history), history).list((entry) =>
    entry.get('elapsedSeconds').number({ min: 0 }),
  );
  return {
    training: { ...training, run: withoutElapsed(training.run) },
    history: history.map(withoutElapsed),
    clock: { elapsedSeconds, validationSeconds: 0, history: seconds },
  };
}

function withoutElapsed(value: JsonValue | undefined): JsonValue {
  if (!isJsonObject(value)) return value ?? null;
  const { elapsedSeconds: _, ...rest }: JsonObject = value;
  return rest;
}
