/** A text in lines, each token on a field of the colour of its surprise; without colours, over a mark. */
import stringWidth from 'string-width';
import { LEVEL_STARTS, surpriseLevel } from '../inspection/surprise-levels.ts';
import type { TokenText } from '../inspection/token-text.ts';
import { cutInPieces, showCells } from './columns.ts';

/** Fields of colour, one a level; undefined: there are no colours. */
export type Fields = readonly ((text: string) => string)[] | undefined;

/** What stands under a token of each level: the nats that it has at least. */
const MARKS = ['·', '½', ...LEVEL_STARTS.slice(1).map(String)];

/** A token, or a part of one that is longer than a line. */
interface Cell {
  lead: string;
  text: string;
  columns: number;
  level: number | undefined;
  /** Whether a line ends here. */
  endsLine: boolean;
}

/**
 * @param surprises nats, NaN for a token that was not predicted, which has neither colour nor mark
 * @param columns of a line, at least 2
 */
export function heatLines(
  texts: readonly TokenText[],
  surprises: Float32Array,
  columns: number,
  fields: Fields,
): string[] {
  const cells = texts.flatMap((token, place) => cellsOf(token, surprises[place]!, columns));
  return linesOf(cells, columns).flatMap((line) =>
    fields ? [colouredLine(line, fields)] : markedLine(line),
  );
}

/** What the colours or marks mean. */
export function heatLegend(fields: Fields): string {
  if (!fields) {
    const [lowest, ...others] = MARKS;
    return `under each token: at least ${others.join(', ')} nats; ${lowest} fewer`;
  }
  const boxes = fields.map((field, level) => {
    const [from, to] = [MARKS[level]!, MARKS[level + 1]];
    return field(level === 0 ? ` <${to} ` : to ? ` ${from}–${to} ` : ` ≥${from} `);
  });
  return `nats ${boxes.join('')}`;
}

function cellsOf({ lead, text }: TokenText, surprise: number, columns: number): Cell[] {
  const level = surpriseLevel(surprise);
  const pieces = cutInPieces(showCells(text), columns);
  return pieces.map((piece, i) => ({
    lead: i === 0 ? lead : '',
    text: piece,
    columns: stringWidth(piece),
    level,
    endsLine: i === pieces.length - 1 && text.endsWith('\n'),
  }));
}

function linesOf(cells: readonly Cell[], columns: number): Cell[][] {
  const lines: Cell[][] = [];
  let line: Cell[] = [];
  for (const cell of cells) {
    if (line.length > 0 && widthOf(line) + cell.lead.length + cell.columns > columns) {
      const rest = line.splice(breakOf(line, cell, columns));
      lines.push(line);
      line = rest;
    }
    // A space between words that would begin a line is not needed there.
    line.push(line.length === 0 ? { ...cell, lead: '' } : cell);
    line[0]!.lead = '';
    if (!cell.endsLine) continue;
    lines.push(line);
    line = [];
  }
  return line.length > 0 ? [...lines, line] : lines;
}

function widthOf(line: readonly Cell[]): number {
  return line.reduce((sum, { lead, columns }) => sum + lead.length + columns, 0);
}

/**
 * How many cells of a full line stay in it: up to the last space, if the words after it are short enough, and
 * there is room for `next` behind them.
 */
function breakOf(line: readonly Cell[], next: Cell, columns: number): number {
  const room = Math.min(columns / 3, columns - widthOf([next]));
  for (let i = line.length; i > 0; i -= 1) {
    const after = line[i] ?? next;
    if (widthOf(line.slice(i)) > room) break;
    if (after.lead !== '' || line[i - 1]!.text.endsWith(' ') || /^ ./.test(after.text)) return i;
  }
  return line.length;
}

function colouredLine(
  line: readonly Cell[],
  fields: readonly ((text: string) => string)[],
): string {
  return line
    .map(({ lead, text, level }) => lead + (level === undefined ? text : fields[level]!(text)))
    .join('');
}

function markedLine(line: readonly Cell[]): string[] {
  const marks = line.map(({ lead, level, columns }) => {
    const mark = level === undefined ? ' ' : MARKS[level]!;
    return lead + mark.padEnd(columns);
  });
  return [line.map(({ lead, text }) => lead + text).join(''), marks.join('').trimEnd()];
}
