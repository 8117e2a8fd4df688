/** What a run writes beside its checkpoints, for whoever watches it: `history.csv`, and TensorBoard's events. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { checkpointNames } from '../checkpoint/list.ts';
import type { UserError } from '../errors.ts';
import type { RunEvent } from '../training/run-events.ts';
import type { JournalEvent } from './events.ts';
import { HistoryFile, readHistory, type SavedHistory } from './history-file.ts';
import type { HistoryRow } from './history-rows.ts';
import { TENSORBOARD_DIRECTORY, TENSORBOARD_IN_RUN } from './places.ts';
import { EventFiles, removeOwnEvents, runId } from './tensorboard/event-files.ts';

export interface JournalOptions {
  /** Of TensorBoard's events; undefined: there are none. */
  readonly tensorboard: string | undefined;
  /** The checkpoint that the run goes on from; undefined: it begins. */
  readonly resumed: SavedHistory | undefined;
  /** Whether it may take the place of another run. */
  readonly overwrite: boolean;
  /** Called for what could not be written, or was in the way of it and is kept aside; the run goes on. */
  readonly onFailure: (error: UserError) => void;
}

export class Journal {
  /** What came before this session. */
  readonly past: readonly HistoryRow[];
  readonly #history: HistoryFile;
  readonly #events: EventFiles | undefined;
  readonly #onFailure: (error: UserError) => void;
  /** The run's own directory of events, while those of the run that it replaces are in it. */
  #outdated: string | undefined;
  /** Whether the run has a checkpoint. */
  #isKept: boolean;

  private constructor(
    directory: string,
    past: readonly HistoryRow[],
    events: EventFiles | undefined,
    outdated: string | undefined,
    { resumed, onFailure }: JournalOptions,
  ) {
    this.past = past;
    this.#history = new HistoryFile(directory, onFailure, resumed);
    this.#events = events;
    this.#onFailure = onFailure;
    this.#outdated = outdated;
    this.#isKept = resumed !== undefined;
  }

  /**
   * Of the run in `directory`, which this process has locked.
   *
   * @throws UserError where TensorBoard's events cannot be written (see {@link EventFiles.open})
   */
  static async open(directory: string, options: JournalOptions): Promise<Journal> {
    const { tensorboard, resumed, overwrite, onFailure } = options;
    const past = resumed ? (await readHistory(directory, resumed)).rows : [];
    const own = join(directory, TENSORBOARD_DIRECTORY);
    const place = tensorboard === TENSORBOARD_IN_RUN ? own : tensorboard;
    const run = await realPlace(directory);
    const isOwn = async (path: string) =>
      (await realPlace(path)) === join(run, TENSORBOARD_DIRECTORY);
    const writesOwn = place !== undefined && (await isOwn(place));
    const events =
      place === undefined
        ? undefined
        : await EventFiles.open(place, {
            resumedAtStep: resumed?.step,
            run: writesOwn ? undefined : runId(run),
            // In a directory without a run there may be what one left that never came to a checkpoint; what
            // is elsewhere may be of a run that was moved away from here.
            replaces: writesOwn || (overwrite && (await checkpointNames(directory)).length > 0),
            onFailure,
          });
    const isOutdated = overwrite && !writesOwn && (await isOwn(own));
    return new Journal(directory, past, events, isOutdated ? own : undefined, options);
  }

  add(event: RunEvent): void {
    if (!isOfJournal(event)) return;
    this.#history.add(event);
    this.#events?.add(event);
  }

  /** Puts on the disk what there is; to be called before the run names a checkpoint, once that is there. */
  async flush(): Promise<void> {
    this.#isKept = true;
    await this.#events?.flush();
    if (this.#outdated !== undefined) await removeOwnEvents(this.#outdated);
    this.#outdated = undefined;
    await this.#history.flush().catch(this.#onFailure);
  }

  /** Of a run without any checkpoint nothing stays. */
  async close(): Promise<void> {
    if (!this.#isKept) {
      await this.#events?.discard();
      return;
    }
    await this.#history.flush().catch(this.#onFailure);
    await this.#events?.close();
  }
}

function isOfJournal(event: RunEvent): event is JournalEvent {
  return ['step', 'skip', 'eval', 'sample', 'rollback'].includes(event.type);
}

/** Where `path` really is, whether there is something or not. */
function realPlace(path: string): Promise<string> {
  const whole = resolve(path);
  return realpath(whole).catch(async () => {
    const parent = await realpath(dirname(whole)).catch(() => dirname(whole));
    return join(parent, basename(whole));
  });
}
