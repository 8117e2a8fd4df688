/** What checkpoints of earlier versions had elsewhere. */

import type { RunClock } from '../training/run-snapshot.ts';
import type { JsonField } from './json-field.ts';

/**
 * The times of a checkpoint of version 1, which had them among the rest: `run.elapsedSeconds` in
 * `training.json`, and `elapsedSeconds` in each entry of `history.json`.
 *
 * @param history undefined: it was not read
 */
export function clockOfVersion1(training: JsonField, history: JsonField | undefined): RunClock {
  const seconds = (field: JsonField) => field.get('elapsedSeconds').number({ min: 0 });
  return {
    elapsedSeconds: seconds(training.get('run')),
    validationSeconds: 0,
    history: history?.list(seconds) ?? [],
  };
}
