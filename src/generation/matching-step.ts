import type { SuffixAutomaton } from './suffix-automaton.ts';

/** Entries of the table, of eight bytes. */
const LARGEST_TABLE = 1 << 23;

/**
 * Goes through another sequence, symbol by symbol, and knows the longest end of it that is part of the
 * automaton's sequence: its length, and its state.
 */
export class MatchingStep {
  state = 0;
  length = 0;
  readonly #automaton: SuffixAutomaton;
  readonly #symbols: number;
  /**
   * Where a symbol leads to from each state [states · symbols], by way of links where it has to; undefined:
   * there would be too many.
   */
  readonly #targets: Int32Array | undefined;
  /** The length then; -1: one more than it was. */
  readonly #lengths: Int32Array | undefined;

  /** @param symbols all of them are below it */
  constructor(automaton: SuffixAutomaton, symbols: number) {
    this.#automaton = automaton;
    this.#symbols = symbols;
    const entries = automaton.size * symbols;
    if (entries > LARGEST_TABLE) return;
    const targets = new Int32Array(entries);
    const lengths = new Int32Array(entries);
    for (const state of automaton.byLength()) {
      const link = automaton.links[state]!;
      for (let symbol = 0; symbol < symbols; symbol++) {
        const entry = state * symbols + symbol;
        const target = automaton.next(state, symbol);
        if (target >= 0) {
          targets[entry] = target;
          lengths[entry] = -1;
        } else if (state > 0) {
          const linked = link * symbols + symbol;
          targets[entry] = targets[linked]!;
          lengths[entry] = lengths[linked] === -1 ? automaton.lengths[link]! + 1 : lengths[linked]!;
        }
        // From the empty part, a symbol that no part begins with leads back to it, which is all zeros.
      }
    }
    this.#targets = targets;
    this.#lengths = lengths;
  }

  /** Goes on with a symbol that the sequence does not have. */
  reset(): void {
    this.state = 0;
    this.length = 0;
  }

  take(symbol: number): void {
    if (this.#targets === undefined) {
      this.#follow(symbol);
      return;
    }
    const entry = this.state * this.#symbols + symbol;
    const length = this.#lengths![entry]!;
    this.state = this.#targets[entry]!;
    this.length = length === -1 ? this.length + 1 : length;
  }

  #follow(symbol: number): void {
    const { lengths, links } = this.#automaton;
    let next = this.#automaton.next(this.state, symbol);
    while (next < 0 && this.state !== 0) {
      this.state = links[this.state]!;
      this.length = lengths[this.state]!;
      next = this.#automaton.next(this.state, symbol);
    }
    if (next < 0) return;
    this.state = next;
    this.length += 1;
  }
}
