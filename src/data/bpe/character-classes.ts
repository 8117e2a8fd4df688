import { CHARACTER_RUNS } from './character-runs.ts';

/** The classes of code points that GPT-2's pattern tells apart. */
export const OTHER = 0;
export const LETTER = 1;
export const NUMBER = 2;
export const WHITE_SPACE = 3;

/** No letter, number or white space of Unicode 16 lies above. */
const LAST_CODE_POINT = 0x323af;

/** The class of each code point up to U+323AF; all above are {@link OTHER}. */
export const CHARACTER_CLASSES: Uint8Array = expand();

function expand(): Uint8Array {
  const classes = new Uint8Array(LAST_CODE_POINT + 1);
  const names = { O: OTHER, L: LETTER, N: NUMBER, S: WHITE_SPACE };
  let start = 0;
  for (const [, name, length] of CHARACTER_RUNS.matchAll(/([A-Z])([0-9a-z]+)/g)) {
    const end = start + Number.parseInt(length!, 36);
    classes.fill(names[name as keyof typeof names], start, end);
    start = end;
  }
  return classes;
}
