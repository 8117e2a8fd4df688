/** Opens a run as the commands do, and judges what comes of it. */

import { basename } from 'node:path';
import { CHECKPOINT_FILES, RUN_FILE } from '../../src/checkpoint/format.ts';
import { openModel } from '../../src/checkpoint/model.ts';
import { ALL_PARTS, openResumable } from '../../src/checkpoint/resumable.ts';
import { snapshotOf } from '../../src/commands/train-checkpoint.ts';
import { StatefulBatches } from '../../src/data/batches.ts';
import { TokenArray } from '../../src/data/token-sequence.ts';
import { UserError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';

/** A directory in which a file is bad, and what is known of it. */
export interface BadRun {
  readonly directory: string;
  /** The file that is bad. */
  readonly file: string;
  /** Whether the bytes may be those of another checkpoint that is right, and then load. */
  readonly mayLoad: boolean;
  /** The name of the checkpoint that `--resume` must fall back to; undefined: any or none. */
  readonly fallback?: string | undefined;
}

export type Outcome = 'loaded' | 'refused';

const OBJECT_PROPERTIES = Object.getOwnPropertyNames(Object.prototype).join();
/** So long as a text in which the cursors of the base runs are right. */
const TOKENS = new TokenArray(new Int32Array(10_000));
/** What errors may take of a terminal. */
const LONGEST_MESSAGE = 1000;

/** Throws an Error that says what was promised and is not so. */
export async function attempt(bad: BadRun): Promise<Outcome> {
  const outcome = await open(bad);
  if (bad.fallback !== undefined) {
    const { model } = await openResumable(bad.directory);
    const from = basename(model.checkpoint.path);
    if (from !== bad.fallback) throw new Error(`went on from ${from}, and not ${bad.fallback}`);
  }
  if (Object.getOwnPropertyNames(Object.prototype).join() !== OBJECT_PROPERTIES) {
    throw new Error('Object.prototype has other properties than before');
  }
  return outcome;
}

async function open({ directory, file, mayLoad }: BadRun): Promise<Outcome> {
  try {
    const model = await openModel(directory, ALL_PARTS, 'last');
    const { progress } = snapshotOf(model);
    const { batchSize, bptt } = model.options;
    if (batchSize * bptt < TOKENS.length) {
      const randomOffset = Random.fromState(progress.offsetRandom);
      const batches = new StatefulBatches(TOKENS, { batchSize, steps: bptt, randomOffset });
      batches.restore(progress.cursor);
    }
  } catch (error) {
    assertClear(error, file, mayLoad);
    return 'refused';
  }
  if (!mayLoad) throw new Error(`${file} was taken for whole`);
  return 'loaded';
}

/** Makes sure that `error` is meant for a user, is short, and names the file. */
function assertClear(error: unknown, file: string, mayBlameAnother: boolean): void {
  if (!(error instanceof UserError)) throw error;
  const { message } = error;
  if (message.length > LONGEST_MESSAGE || /\p{Cc}/u.test(message)) {
    throw new Error(`not one line of words: ${JSON.stringify(message.slice(0, 2000))}`);
  }
  // What a file says may not fit to another, which is then named.
  const names = mayBlameAnother ? [...CHECKPOINT_FILES, RUN_FILE] : [file];
  if (!names.some((name) => message.includes(name))) {
    throw new Error(`no file is named: ${message}`);
  }
}
