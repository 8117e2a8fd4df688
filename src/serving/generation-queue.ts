/** The one place where a server makes texts: those of some requests at a time, while others wait. */
import { turnEventLoop } from '../event-loop.ts';
import type { TextModel } from '../generation/text-model.ts';
import { type TextGroup, TextPool } from '../generation/text-pool.ts';
import { unavailable } from './api-error.ts';

/** Seconds after which one that was refused may try again. */
const RETRY_AFTER = 2;

interface Work {
  /** Takes what is left of it out of the pool. */
  leave: () => void;
  fail: (error: unknown) => void;
}

/** Between two steps of the model everything else has its turn: connections, timers, signals. */
export class GenerationQueue {
  readonly #model: TextModel;
  readonly #rows: number;
  readonly #most: { requests: number; waiting: number };
  readonly #waiting: (() => void)[] = [];
  readonly #work = new Set<Work>();
  #pool: TextPool;
  #running = 0;
  #isStepping = false;

  /** @param rows texts that are made at a time, of all requests together */
  constructor(model: TextModel, rows: number, most: { requests: number; waiting: number }) {
    this.#model = model;
    this.#rows = rows;
    this.#most = most;
    this.#pool = new TextPool(model, rows);
  }

  /** Requests whose texts are made, and those that wait. */
  get load(): { running: number; waiting: number } {
    return { running: this.#running, waiting: this.#waiting.length };
  }

  /**
   * Makes texts, when it is their turn, to the end of the last.
   *
   * @throws ApiError 503 at once where too many wait; the reason of `signal` once that is aborted, from when on nobody
   * hears of the texts
   */
  async make(groups: readonly Omit<TextGroup, 'onEnd'>[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#takePlace(signal);
    try {
      signal.throwIfAborted();
      await this.#makeNow(groups, signal);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #takePlace(signal: AbortSignal): Promise<void> {
    const { requests, waiting } = this.#most;
    if (this.#running < requests) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= waiting) {
      const message = `${requests} requests are being answered and ${waiting} wait: try again later`;
      return Promise.reject(unavailable('overloaded', message, RETRY_AFTER));
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(signal.reason);
      };
      const start = () => {
        signal.removeEventListener('abort', abort);
        this.#running += 1;
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(start);
    });
  }

  #makeNow(groups: readonly Omit<TextGroup, 'onEnd'>[], signal: AbortSignal): Promise<void> {
    const made = new Promise<void>((resolve, reject) => {
      let left = groups.length;
      const end = (settle: () => void) => {
        this.#work.delete(work);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const onEnd = () => {
        left -= 1;
        if (left === 0) end(resolve);
      };
      const removals = groups.map((group) => this.#pool.add({ ...group, onEnd }));
      const work: Work = {
        leave: () => {
          for (const remove of removals) remove();
        },
        fail: (error) => end(() => reject(error)),
      };
      const abort = () => {
        work.leave();
        work.fail(signal.reason);
      };
      this.#work.add(work);
      signal.addEventListener('abort', abort, { once: true });
    });
    if (!this.#isStepping) void this.#step();
    return made;
  }

  async #step(): Promise<void> {
    this.#isStepping = true;
    try {
      while (!this.#pool.isEmpty) {
        this.#pool.step();
        await turnEventLoop();
      }
    } catch (error) {
      // Whatever it was, it may have been about any of the texts: none goes on, and the next begin anew.
      const broken = this.#pool;
      this.#pool = new TextPool(this.#model, this.#rows);
      for (const work of [...this.#work]) work.fail(error);
      broken.dispose();
    } finally {
      this.#isStepping = false;
    }
    if (!this.#pool.isEmpty) void this.#step();
  }
}
