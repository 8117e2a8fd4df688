/** The last tokens of a text, for what is not to be repeated. */
export class RecentTokens {
  readonly #window: number;
  /** The last `#window` tokens, the oldest at `#next` once there are as many. */
  readonly #ids: number[] = [];
  #next = 0;
  /** How often each of them is among them. */
  readonly #counts = new Map<number, number>();

  /** @param window how many there are at most; 0: none */
  constructor(window: number) {
    this.#window = window;
  }

  push(id: number): void {
    if (this.#window === 0) return;
    if (this.#ids.length === this.#window) this.#forget(this.#ids[this.#next]!);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % this.#window;
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  /** Each token that is among them, once. */
  distinct(): Iterable<number> {
    return this.#counts.keys();
  }

  #forget(id: number): void {
    const count = this.#counts.get(id)! - 1;
    if (count === 0) this.#counts.delete(id);
    else this.#counts.set(id, count);
  }
}
