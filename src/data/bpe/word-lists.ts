import { doubled } from './growing.ts';

/** The words that have a pair: words[start, end). */
export interface WordList {
  readonly pair: number;
  readonly words: Int32Array;
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` for each place where a pair is, one word after the other. */
export type Occurrences = (visit: (pair: number, word: number) => void) => void;

/** Short lists share an array; a longer one has its own, to be freed when it is done with. */
const LONGEST_SHARED = 256;

/** Sorts occurrences of pairs in words by pair. */
export class WordSorter {
  /** For each pair its place among those that occur, or −1. */
  private places = new Int32Array(1024).fill(-1);
  /** By place: the pair, the last word seen with it, and how many words have it. */
  private pairs = new Int32Array(1024);
  private lastWords = new Int32Array(1024);
  private sizes = new Int32Array(1024);
  private count = 0;

  /** The list of each pair that `isWanted`, in the order in which pairs first occur. */
  *sort(occurrences: Occurrences, isWanted: (pair: number) => boolean): Generator<WordList> {
    this.count = 0;
    occurrences((pair, word) => {
      const place = this.placeOf(pair);
      if (this.lastWords[place] !== word) {
        this.lastWords[place] = word;
        this.sizes[place]! += 1;
      }
    });

    const { count, places, pairs, lastWords } = this;
    const starts = new Uint32Array(count);
    const ends = new Uint32Array(count);
    let shared = 0;
    for (let place = 0; place < count; place += 1) {
      if (!isWanted(pairs[place]!)) {
        this.sizes[place] = 0;
      } else if (this.sizes[place]! <= LONGEST_SHARED) {
        starts[place] = shared;
        ends[place] = shared;
        shared += this.sizes[place]!;
      }
    }
    const sharedWords = new Int32Array(shared);
    const words = Array.from(starts, (_, place) => {
      const size = this.sizes[place]!;
      return size > LONGEST_SHARED ? new Int32Array(size) : sharedWords;
    });
    lastWords.fill(-1, 0, count);
    occurrences((pair, word) => {
      const place = places[pair]!;
      if (lastWords[place] !== word && this.sizes[place]! > 0) {
        lastWords[place] = word;
        words[place]![ends[place]!] = word;
        ends[place]! += 1;
      }
    });

    for (let place = 0; place < count; place += 1) {
      const pair = pairs[place]!;
      places[pair] = -1;
      if (this.sizes[place]! > 0) {
        yield { pair, words: words[place]!, start: starts[place]!, end: ends[place]! };
      }
    }
  }

  private placeOf(pair: number): number {
    while (pair >= this.places.length) {
      const { length } = this.places;
      this.places = doubled(this.places).fill(-1, length);
    }
    const known = this.places[pair]!;
    if (known >= 0) {
      return known;
    }
    const place = this.count;
    this.count += 1;
    if (place === this.pairs.length) {
      this.pairs = doubled(this.pairs);
      this.lastWords = doubled(this.lastWords);
      this.sizes = doubled(this.sizes);
    }
    this.places[pair] = place;
    this.pairs[place] = pair;
    this.lastWords[place] = -1;
    this.sizes[place] = 0;
    return place;
  }
}
