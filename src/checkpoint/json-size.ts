/** How much memory a JSON text would take, told before it is parsed. */

import { UserError } from '../errors.ts';

/** No file of ours has half as many levels. */
const DEEPEST = 64;
/** What a text of any length may take, in bytes. */
const ALWAYS_ALLOWED = 2 ** 25;
/** What each byte of a longer one may take: files of ours have no more than six. */
const ALLOWED_A_BYTE = 7;

/** What V8 takes for each, about; for an object, with a shape that no other object has. */
const OBJECT = 200;
const ARRAY = 64;
const STRING = 32;
const CHARACTER = 2;
const ELEMENT = 16;

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Makes sure that the JSON text in `bytes`, the content of the file `path`, takes in memory no more than
 * 32 MiB, or seven times its length if that is more, and is not nested deeper than 64 levels.
 *
 * Throws a UserError (`checkpoint-damaged`): `[[[[…` and `[{},{},…` can take fifty times their length.
 * What is no JSON passes, as far as it keeps to that.
 */
export function assertModest(bytes: Uint8Array, path: string): void {
  const allowed = Math.max(ALWAYS_ALLOWED, ALLOWED_A_BYTE * bytes.length);
  let [taken, depth, isInString] = [0, 0, false];
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (isInString) {
      taken += CHARACTER;
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) isInString = false;
      continue;
    }
    if (byte === QUOTE) {
      isInString = true;
      taken += STRING;
    } else if (byte === COMMA) {
      taken += ELEMENT;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
      taken += byte === OPEN_OBJECT ? OBJECT : ARRAY;
      if (depth > DEEPEST) {
        throw refusal(path, `at most ${DEEPEST} levels of objects and arrays, found more`);
      }
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth -= 1;
    }
  }
  if (taken > allowed) {
    throw refusal(path, `values that take at most ${allowed} bytes of memory, found ${taken}`);
  }
}

function refusal(path: string, expected: string): UserError {
  return new UserError(
    'checkpoint-damaged',
    `${path}: expected ${expected}`,
    'The file is damaged: use another checkpoint, or train again.',
  );
}
