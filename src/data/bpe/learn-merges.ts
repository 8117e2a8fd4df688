/**
 * Byte-pair encoding is learned here: again and again, the pair of neighbouring tokens that occurs most
 * often in the words becomes a token; of equally frequent ones, the pair of the smaller ids. These are
 * the merges of Hugging Face's BpeTrainer.
 */

import { type ByteStringTable, hashBytes } from '../byte-string-table.ts';
import { doubled } from './growing.ts';
import { PairCounts } from './pair-counts.ts';
import { PairQueue } from './pair-queue.ts';
import { WordSorter } from './word-lists.ts';

/** Distinct words, each as the ids of its bytes, and how often they occur. */
export interface Words {
  /** Word w is symbols[starts[w], starts[w + 1]). Learning overwrites them. */
  readonly symbols: Uint16Array | Uint32Array;
  /** `[words + 1]` */
  readonly starts: Uint32Array;
  /** `[words]` */
  readonly counts: Float64Array;
}

export interface LearningOptions {
  /** Learning stops when there are as many tokens. */
  readonly vocabularySize: number;
  /** A pair that occurs less often is not merged. */
  readonly minCount: number;
}

/** Two neighbouring ids and what they become. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly result: number;
}

/**
 * The merges that `words` give, in the order of learning. `tokens`, which has the bytes of each id,
 * gets those of the new ones. Yields after each merge and each part of the preparation, so that a caller
 * can do other things between.
 */
export function* learnMerges(
  words: Words,
  tokens: ByteStringTable,
  options: LearningOptions,
): Generator<void, Merge[], void> {
  yield;
  const learner = new MergeLearner(words, Math.max(options.minCount, 1));
  yield;
  learner.begin();
  yield;
  const merges: Merge[] = [];
  while (tokens.size < options.vocabularySize) {
    const pair = learner.nextPair();
    if (pair === undefined) {
      break;
    }
    const bytes = Buffer.concat([tokens.at(pair.left), tokens.at(pair.right)]);
    const result = tokens.add(bytes, 0, bytes.length, hashBytes(bytes, 0, bytes.length));
    merges.push({ left: pair.left, right: pair.right, result });
    learner.merge(pair, result);
    yield;
  }
  return merges;
}

interface FoundPair {
  readonly left: number;
  readonly right: number;
  /** Words that may have it. */
  readonly words: Int32Array;
}

class MergeLearner {
  private readonly words: Words;
  private readonly minCount: number;
  /** How many ids each word has left. */
  private readonly lengths: Uint32Array;
  private readonly pairs = new PairCounts();
  private readonly queue = new PairQueue(this.pairs);
  private readonly sorter = new WordSorter();
  /** Pairs that a merge has made, and the words in which it made them. */
  private madePairs = new Int32Array(1024);
  private madeIn = new Int32Array(1024);
  private made = 0;

  constructor(words: Words, minCount: number) {
    this.words = words;
    this.minCount = minCount;
    const { starts, counts } = words;
    this.lengths = Uint32Array.from(counts, (_, word) => starts[word + 1]! - starts[word]!);
    this.visitPairs((left, right, word) => this.pairs.add(left, right, counts[word]!));
  }

  /** To be called once, before the first pair is asked for. */
  begin(): void {
    this.enqueue((visit) => {
      this.visitPairs((left, right, word) => visit(this.pairs.add(left, right, 0), word));
    });
  }

  /** The pair to merge next; undefined: none occurs `minCount` times. */
  nextPair(): FoundPair | undefined {
    const first = this.queue.pop();
    if (first === undefined || this.pairs.counts[first.pair]! < this.minCount) {
      return undefined;
    }
    return {
      left: this.pairs.lefts[first.pair]!,
      right: this.pairs.rights[first.pair]!,
      words: first.words.subarray(first.start, first.end),
    };
  }

  merge(pair: FoundPair, result: number): void {
    this.made = 0;
    for (const word of pair.words) {
      this.mergeIn(word, pair.left, pair.right, result);
    }
    this.enqueue((visit) => {
      for (let i = 0; i < this.made; i += 1) {
        visit(this.madePairs[i]!, this.madeIn[i]!);
      }
    });
  }

  private visitPairs(visit: (left: number, right: number, word: number) => void): void {
    const { symbols, starts, counts } = this.words;
    for (let word = 0; word < counts.length; word += 1) {
      for (let at = starts[word]! + 1; at < starts[word + 1]!; at += 1) {
        visit(symbols[at - 1]!, symbols[at]!, word);
      }
    }
  }

  private enqueue(occurrences: (visit: (pair: number, word: number) => void) => void): void {
    const { counts } = this.pairs;
    // A pair comes up when the younger of its tokens is made; from then on its count only falls.
    for (const list of this.sorter.sort(occurrences, (pair) => counts[pair]! >= this.minCount)) {
      this.queue.push(list);
    }
  }

  private mergeIn(word: number, left: number, right: number, result: number): void {
    const { symbols, starts, counts } = this.words;
    const start = starts[word]!;
    const end = start + this.lengths[word]!;
    const count = counts[word]!;
    let to = start;
    for (let from = start; from < end; to += 1) {
      if (symbols[from] !== left || from + 1 === end || symbols[from + 1] !== right) {
        symbols[to] = symbols[from]!;
        from += 1;
        continue;
      }
      if (to > start) {
        const before = symbols[to - 1]!;
        this.pairs.add(before, left, -count);
        this.note(this.pairs.add(before, result, count), word);
      }
      symbols[to] = result;
      from += 2;
      if (from < end) {
        const after = symbols[from]!;
        this.pairs.add(right, after, -count);
        this.note(this.pairs.add(result, after, count), word);
      }
    }
    this.lengths[word] = to - start;
  }

  private note(pair: number, word: number): void {
    if (this.made === this.madePairs.length) {
      this.madePairs = doubled(this.madePairs);
      this.madeIn = doubled(this.madeIn);
    }
    this.madePairs[this.made] = pair;
    this.madeIn[this.made] = word;
    this.made += 1;
  }
}
