/** Draws what stands on a terminal as an SVG: text that can be selected, light or dark as its reader's system is. */
import type { Cell, CellColor } from '../test/support/screen.ts';

/** Units of the SVG; a reader's font is stretched to them, so that columns stand under each other. */
const COLUMN = 8.4;
const ROW = 19;
const FONT = 14;
/** From the upper edge of a row to its text's baseline. */
const BASELINE = 14;
const MARGIN = 16;

interface Theme {
  readonly ink: string;
  readonly surface: string;
  readonly edge: string;
  /** The terminal's colours 0 to 7: black, red, green, yellow, blue, magenta, cyan, white; the bright ones are the same. */
  readonly palette: readonly string[];
}

const LIGHT: Theme = {
  ink: '#1f2328',
  surface: '#f6f8fa',
  edge: '#d0d7de',
  palette: '#1f2328 #b3261e #116329 #7d4e00 #0550ae #6639ba #0f6b73 #57606a'.split(' '),
};
const DARK: Theme = {
  ink: '#e6edf3',
  surface: '#161b22',
  edge: '#3d444d',
  palette: '#484f58 #ff7b72 #7ee787 #e3b341 #79c0ff #d2a8ff #56d4dd #b1bac4'.split(' '),
};

/**
 * The SVG of the `rows` of a terminal with `columns`. `title` says what it shows to those who do not see it.
 *
 * Throws where a cell has a colour by a number from 16 on, of which no theme says what it is.
 */
export function terminalSvg(
  rows: readonly (readonly Cell[])[],
  columns: number,
  title: string,
): string {
  const width = Math.ceil(columns * COLUMN + 2 * MARGIN);
  const height = Math.ceil(rows.length * ROW + 2 * MARGIN);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    `<style>text{font:${FONT}px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}.b{font-weight:bold}.d{opacity:.7}${rules(LIGHT)}@media (prefers-color-scheme:dark){${rules(DARK)}}</style>`,
    `<rect class="window" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...rows.flatMap((cells, row) => [
      ...fieldsOf(cells, MARGIN + row * ROW),
      ...textsOf(cells, MARGIN + row * ROW + BASELINE),
    ]),
    '</svg>',
    '',
  ].join('\n');
}

function rules({ ink, surface, edge, palette }: Theme): string {
  const colors = palette.map((color, i) => `.c${i}{fill:${color}}`).join('');
  return `text{fill:${ink}}.window{fill:${surface};stroke:${edge}}${colors}`;
}

/** Rectangles behind cells whose field has a colour, one for all of a colour beside each other. */
function fieldsOf(cells: readonly Cell[], y: number): string[] {
  return piecesOf(cells, ({ field }) => String(field))
    .filter(({ first }) => first.field !== undefined)
    .map(({ first, column, width }) => {
      const place = `x="${unit(MARGIN + column * COLUMN)}" y="${y}"`;
      return `<rect ${place} width="${unit(width * COLUMN)}" height="${ROW}"${attributes(first.field)}/>`;
    });
}

/**
 * The words of a row, each at its column and as wide as its columns: with one space between them they stay
 * together; more are left out, as SVG would make one of them.
 */
function textsOf(cells: readonly Cell[], y: number): string[] {
  const looks = ({ color, isBold, isDim }: Cell) => `${color} ${isBold} ${isDim}`;
  return piecesOf(cells, looks).flatMap(({ first, column, text }) => {
    const classes = [first.isBold ? 'b' : '', first.isDim ? 'd' : ''];
    return [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: words, index }) => {
      const before = [...text.slice(0, index)].length;
      const place = `x="${unit(MARGIN + (column + before) * COLUMN)}" y="${y}"`;
      const width = isAlone(first) ? first.width : [...words].length;
      const length = `textLength="${unit(width * COLUMN)}" lengthAdjust="spacingAndGlyphs"`;
      return `<text ${place} ${length}${attributes(first.color, classes)}>${escaped(words)}</text>`;
    });
  });
}

interface Piece {
  readonly first: Cell;
  readonly column: number;
  /** Columns. */
  width: number;
  text: string;
}

/** Whether a cell's code points are not as many as its columns: it is wide, or has combining characters. */
function isAlone({ text, width }: Cell): boolean {
  return width !== 1 || [...text].length > 1;
}

/** Cells beside each other that `key` takes to be alike; one that {@link isAlone} is by itself. */
function piecesOf(cells: readonly Cell[], key: (cell: Cell) => string): Piece[] {
  const pieces: Piece[] = [];
  for (const [column, cell] of cells.entries()) {
    const last = pieces.at(-1);
    if (cell.width === 0) continue;
    const text = cell.text === '' ? ' ' : cell.text;
    if (last && ![last.first, cell].some(isAlone) && key(last.first) === key(cell)) {
      last.width += 1;
      last.text += text;
    } else pieces.push({ first: cell, column, width: cell.width, text });
  }
  return pieces;
}

/** How an element gets a colour, and `classes`, of which some may be empty. */
function attributes(color: CellColor, classes: readonly string[] = []): string {
  if (typeof color === 'number' && color > 15) {
    throw new Error(`no theme says what the terminal's colour ${color} is`);
  }
  const named = typeof color === 'number' ? `c${color % 8}` : '';
  const all = [...classes, named].filter((name) => name !== '').join(' ');
  // The attribute `fill` would give way to the rules of the theme.
  return `${all && ` class="${all}"`}${typeof color === 'string' ? ` style="fill:${color}"` : ''}`;
}

/** A number of SVG units, without digits that say nothing. */
function unit(value: number): string {
  return String(Number(value.toFixed(2)));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
