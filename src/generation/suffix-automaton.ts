/**
 * The suffix automaton of a sequence of symbols (Blumer et al. 1985): it knows every part of the sequence,
 * in time and memory in proportion to its length. Each state stands for the parts that end at the same
 * places; the longest of them has `length`, and the next shorter one that ends at more places is the
 * longest of the state `link`.
 */
export class SuffixAutomaton {
  /** By state; state 0 is that of the empty part. */
  readonly lengths: Int32Array;
  readonly links: Int32Array;
  /** The state of the sequence up to and with each symbol. */
  readonly prefixes: Int32Array;
  #states = 1;
  /** Edges by number: from which state, by which symbol, to which state. */
  readonly #sources: Int32Array;
  readonly #symbols: Int32Array;
  readonly #targets: Int32Array;
  /** The edge before it of the same state; -1: there is none. */
  readonly #nexts: Int32Array;
  /** The last edge of each state. */
  readonly #lasts: Int32Array;
  #edges = 0;
  /** Edges + 1 by the hash of state and symbol, with linear probing; 0: free. */
  readonly #table: Int32Array;
  readonly #mask: number;

  /** @param symbols whole numbers, not negative */
  constructor(symbols: ArrayLike<number>) {
    const { length } = symbols;
    const [mostStates, mostEdges] = [2 * length + 1, 3 * length + 1];
    this.lengths = new Int32Array(mostStates);
    this.links = new Int32Array(mostStates).fill(-1);
    this.prefixes = new Int32Array(length);
    this.#lasts = new Int32Array(mostStates).fill(-1);
    this.#sources = new Int32Array(mostEdges);
    this.#symbols = new Int32Array(mostEdges);
    this.#targets = new Int32Array(mostEdges);
    this.#nexts = new Int32Array(mostEdges);
    const slots = 2 ** Math.ceil(Math.log2(2 * mostEdges));
    this.#table = new Int32Array(slots);
    this.#mask = slots - 1;
    let state = 0;
    for (let i = 0; i < length; i++) {
      state = this.#append(state, symbols[i]!);
      this.prefixes[i] = state;
    }
  }

  /** How many states there are. */
  get size(): number {
    return this.#states;
  }

  /** The state after `state` by `symbol`; -1: what that would be is no part of the sequence. */
  next(state: number, symbol: number): number {
    const edge = this.#table[this.#slot(state, symbol)]!;
    return edge === 0 ? -1 : this.#targets[edge - 1]!;
  }

  /** All states by rising length: a state comes after its link. */
  byLength(): Int32Array {
    const places = new Int32Array(this.prefixes.length + 2);
    for (let state = 0; state < this.#states; state++) places[this.lengths[state]! + 1]! += 1;
    for (let length = 1; length < places.length; length++) places[length]! += places[length - 1]!;
    const states = new Int32Array(this.#states);
    for (let state = 0; state < this.#states; state++) {
      const length = this.lengths[state]!;
      states[places[length]!] = state;
      places[length]! += 1;
    }
    return states;
  }

  /** Makes the sequence, of which `last` is the state, longer by one symbol; returns its state. */
  #append(last: number, symbol: number): number {
    const state = this.#addState(this.lengths[last]! + 1);
    let p = last;
    while (p >= 0 && this.next(p, symbol) < 0) {
      this.#addEdge(p, symbol, state);
      p = this.links[p]!;
    }
    if (p < 0) {
      this.links[state] = 0;
      return state;
    }
    const q = this.next(p, symbol);
    if (this.lengths[q] === this.lengths[p]! + 1) {
      this.links[state] = q;
      return state;
    }
    // Of the parts of q, those that are no longer than this now end at one more place than the others.
    const clone = this.#addState(this.lengths[p]! + 1);
    for (let edge = this.#lasts[q]!; edge >= 0; edge = this.#nexts[edge]!) {
      this.#addEdge(clone, this.#symbols[edge]!, this.#targets[edge]!);
    }
    this.links[clone] = this.links[q]!;
    for (; p >= 0 && this.next(p, symbol) === q; p = this.links[p]!) {
      this.#targets[this.#table[this.#slot(p, symbol)]! - 1] = clone;
    }
    this.links[q] = clone;
    this.links[state] = clone;
    return state;
  }

  #addState(length: number): number {
    const state = this.#states;
    this.lengths[state] = length;
    this.#states += 1;
    return state;
  }

  #addEdge(source: number, symbol: number, target: number): void {
    const edge = this.#edges;
    this.#edges += 1;
    this.#sources[edge] = source;
    this.#symbols[edge] = symbol;
    this.#targets[edge] = target;
    this.#nexts[edge] = this.#lasts[source]!;
    this.#lasts[source] = edge;
    this.#table[this.#slot(source, symbol)] = edge + 1;
  }

  /** Where the edge of `state` by `symbol` is in the table, or would be. */
  #slot(state: number, symbol: number): number {
    // Multiplicative hashing; the finaliser spreads the high bits over the low ones.
    let hash = Math.imul(state, 0x9e3779b1) ^ Math.imul(symbol, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 13)) & this.#mask;
    for (;;) {
      const edge = this.#table[slot]!;
      if (edge === 0) return slot;
      if (this.#sources[edge - 1] === state && this.#symbols[edge - 1] === symbol) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }
}
