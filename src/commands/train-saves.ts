/** Saves a run's snapshots while it goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '../training/run-events.ts';
import type { RunStore, SavedRun } from '../training/run-options.ts';
import type { RunSnapshot } from '../training/run-snapshot.ts';

type SaveEvent = Extract<RunEvent, { type: 'save' }>;

interface SavesOptions {
  /** Saves a snapshot and returns its path once it is whole. */
  save: (event: SaveEvent) => Promise<string>;
  /** What was saved at a path. */
  load: (path: string) => Promise<RunSnapshot>;
  /** What was saved before this session, and is what it goes on from. */
  savedPath: string | undefined;
  /** Whether to save as time passes, and not only when the run says so. */
  isPeriodic: boolean;
  /** Called for a save that failed; the run goes on, and tries again. */
  onFailure: (error: unknown, event: SaveEvent) => void;
  /** Milliseconds. */
  now?: (() => number) | undefined;
}

const MINUTE_MS = 60_000;
/** Saves take at most this share of the time. */
const SHARE = 0.01;
/** A save costs so many times what it takes to copy the values: they are hashed and written, too. */
const COPY_COST = 2;
/**
 * What a save at work gets of the time between two steps. Steps hold the event loop, and a save needs a
 * hundred turns of it: without this, one beside steps of ten seconds would last a quarter of an hour.
 * More would hardly end it sooner, since it mostly waits for the disk, and training waits with it.
 */
const TURNS_SHARE = 0.005;

/** One save at a time; those that fail are reported, and only a run's last one ends it. */
export class BackgroundSaves implements RunStore {
  readonly #options: SavesOptions;
  readonly #now: () => number;
  #atWork: Promise<void> | undefined;
  /** What the last save failed with. */
  #failure: { error: unknown } | undefined;
  /** The run's best, if it could not be saved. */
  #unsavedBest: SaveEvent | undefined;
  #savedPath: string | undefined;
  #lastMs: number;
  #costMs = 0;
  /** When {@link giveWay} last ended. */
  #turnMs: number;

  constructor(options: SavesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#savedPath = options.savedPath;
    this.#lastMs = this.#now();
    this.#turnMs = this.#now();
  }

  isSaveDue(): boolean {
    if (this.#atWork) return false;
    const passedMs = this.#now() - this.#lastMs;
    if (this.#failure) return passedMs >= MINUTE_MS;
    return this.#options.isPeriodic && passedMs >= Math.max(MINUTE_MS, this.#costMs / SHARE);
  }

  /** Waits for the save at work; to be called before the next snapshot is taken. */
  async idle(): Promise<void> {
    await this.#atWork;
    this.#lastMs = this.#now();
  }

  /** Begins to save a snapshot that was taken since {@link idle}. */
  begin(event: SaveEvent): void {
    this.#costMs = COPY_COST * (this.#now() - this.#lastMs);
    const unsaved = event.isBest ? undefined : this.#unsavedBest;
    this.#unsavedBest = undefined;
    this.#atWork = this.#saveAll(unsaved ? [unsaved, event] : [event]).finally(() => {
      this.#atWork = undefined;
    });
  }

  /** Lets a save at work get on for a little; to be called after each step. */
  async giveWay(): Promise<void> {
    const stepMs = this.#now() - this.#turnMs;
    if (this.#atWork) {
      await Promise.race([this.#atWork, sleep(TURNS_SHARE * stepMs)]);
    }
    this.#turnMs = this.#now();
  }

  async #saveAll(events: readonly SaveEvent[]): Promise<void> {
    this.#failure = undefined;
    for (const event of events) {
      try {
        this.#savedPath = await this.#options.save(event);
      } catch (error) {
        this.#failure = { error };
        if (event.isBest) this.#unsavedBest = event;
        this.#options.onFailure(error, event);
      }
    }
  }

  /** Waits until all is saved; throws what the last save failed with. */
  async finish(): Promise<void> {
    await this.#atWork;
    if (this.#failure) throw this.#failure.error;
  }

  async lastSaved(): Promise<SavedRun | undefined> {
    await this.#atWork;
    const path = this.#savedPath;
    if (path === undefined) return undefined;
    return {
      path,
      load: () => {
        this.#unsavedBest = undefined;
        return this.#options.load(path);
      },
    };
  }
}
