import { isContinuation } from './measure-text.ts';

/** With four bytes an id, what is made of so many bytes stays in a processor's second cache. */
const SMALL_BYTES = 1 << 15;
/** A character has at most three bytes that continue it. */
const MOST_CONTINUATIONS = 3;

/** `bytes` in order, in parts so small that going over one again is fast, cut between characters. */
export function* smallParts(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let start = 0; start < bytes.length; ) {
    let end = start + SMALL_BYTES;
    for (let i = 0; i < MOST_CONTINUATIONS && end < bytes.length; i += 1) {
      if (!isContinuation(bytes[end]!)) break;
      end -= 1;
    }
    yield bytes.subarray(start, end);
    start = end;
  }
}
