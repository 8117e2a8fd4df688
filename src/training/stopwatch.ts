/** Seconds of a run over all its sessions. */
export class Stopwatch {
  readonly #now: () => number;
  #startedMs: number;
  #before: number;

  /**
   * @param seconds of the sessions before
   * @param now milliseconds of a clock that never goes back, whatever the time of day is set to
   */
  constructor(seconds: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startedMs = now();
    this.#before = seconds;
  }

  get seconds(): number {
    return this.#before + (this.#now() - this.#startedMs) / 1000;
  }

  /** Goes on from `seconds`: what came after did not count. */
  setTo(seconds: number): void {
    this.#before = seconds;
    this.#startedMs = this.#now();
  }
}
