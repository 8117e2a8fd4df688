import { expect, test } from 'vitest';
import { Screen } from '../test/support/screen.ts';
import { terminalSvg } from './terminal-svg.ts';

const ESCAPE = '\u001b';
/** A column's width and a row's height, and where the first column's text begins: as a terminal of 20 columns has them. */
const [COLUMN, LEFT, FIRST_BASELINE, ROW] = [8.4, 16, 30, 19];

/** The SVG of a terminal to which `text` was written. */
async function drawn(text: string, title = 'A terminal'): Promise<string> {
  const screen = new Screen(20, 4);
  screen.write(text);
  return terminalSvg(await screen.cells(), 20, title);
}

/** Its texts: what they say, at which column and row they begin, how many columns they take, and their class and fill. */
function textsIn(svg: string) {
  const found = svg.matchAll(
    /<text x="([\d.]+)" y="(\d+)" textLength="([\d.]+)" lengthAdjust="spacingAndGlyphs"([^>]*)>([^<]*)<\/text>/g,
  );
  return [...found].map(([, x, y, length, look, text]) => ({
    text,
    column: Math.round((Number(x) - LEFT) / COLUMN),
    row: (Number(y) - FIRST_BASELINE) / ROW,
    columns: Math.round(Number(length) / COLUMN),
    look: look?.trim(),
  }));
}

const plain = { row: 0, look: '' };

test('text that would be markup is text, in the title too', async () => {
  const svg = await drawn('</text>&"', '<script>');
  expect(textsIn(svg)).toEqual([
    { ...plain, text: '&lt;/text&gt;&amp;&quot;', column: 0, columns: 9 },
  ]);
  expect(svg).toContain('<title id="title">&lt;script&gt;</title>');
  expect(svg).not.toContain('<script');
});

test('words are where they stand; one space keeps them together, more do not', async () => {
  expect(textsIn(await drawn('  a b   c\n\n d\n\n'))).toEqual([
    { ...plain, text: 'a b', column: 2, columns: 3 },
    { ...plain, text: 'c', column: 8, columns: 1 },
    { ...plain, text: 'd', column: 1, columns: 1, row: 2 },
  ]);
});

test('colours of the terminal follow the theme, others stay; weights are kept', async () => {
  const text = `${ESCAPE}[1;36mab${ESCAPE}[0;2mcd${ESCAPE}[0;91mef${ESCAPE}[0;38;2;1;171;255mg`;
  const svg = await drawn(text);
  expect(textsIn(svg)).toEqual([
    { ...plain, text: 'ab', column: 0, columns: 2, look: 'class="b c6"' },
    { ...plain, text: 'cd', column: 2, columns: 2, look: 'class="d"' },
    { ...plain, text: 'ef', column: 4, columns: 2, look: 'class="c1"' },
    { ...plain, text: 'g', column: 6, columns: 1, look: 'style="fill:#01abff"' },
  ]);
  const [, light, dark] =
    /\.c6\{fill:(#\w+)\}.*prefers-color-scheme:dark.*\.c6\{fill:(#\w+)\}/.exec(svg)!;
  expect(light).not.toBe(dark);
});

test('a colour that no theme has is an error', async () => {
  await expect(drawn(`${ESCAPE}[38;5;200mx`)).rejects.toThrow(
    "no theme says what the terminal's colour 200 is",
  );
});

test('fields of a colour are one rectangle, spaces included', async () => {
  const svg = await drawn(`x${ESCAPE}[48;2;0;0;255ma  b${ESCAPE}[0m c`);
  expect(svg).toContain('<rect x="24.4" y="16" width="33.6" height="19" style="fill:#0000ff"/>');
  expect(svg.match(/<rect x="\d/g)).toHaveLength(1);
});

test('wide and combined characters leave what comes after them in its column', async () => {
  expect(textsIn(await drawn('a字e\u0301b𝄞c'))).toEqual([
    { ...plain, text: 'a', column: 0, columns: 1 },
    { ...plain, text: '字', column: 1, columns: 2 },
    { ...plain, text: 'e\u0301', column: 3, columns: 1 },
    { ...plain, text: 'b𝄞c', column: 4, columns: 3 },
  ]);
});
