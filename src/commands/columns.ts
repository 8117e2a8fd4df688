/** Text in the columns of a terminal, of which some characters take two and some none. */
import stringWidth from 'string-width';

const DOTTED_CIRCLE = '\u25cc';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Text on one line with line ends and tabs visible; what would take no column stands on a dotted circle. */
export function showCells(text: string): string {
  const inline = text.replaceAll('\n', '␊').replaceAll('\t', '␉');
  return inline !== '' && stringWidth(inline) === 0 ? `${DOTTED_CIRCLE}${inline}` : inline;
}

/** `text` in exactly so many columns: filled up with spaces, or cut with an ellipsis where it was cut. */
export function fitTo(text: string, columns: number, keep: 'start' | 'end' = 'start'): string {
  const width = stringWidth(text);
  const cut = width <= columns ? text : cutTo(text, columns, keep);
  const space = ' '.repeat(Math.max(0, columns - stringWidth(cut)));
  return keep === 'start' ? cut + space : space + cut;
}

function cutTo(text: string, columns: number, keep: 'start' | 'end'): string {
  const pieces = Array.from(graphemes.segment(text), ({ segment }) => segment);
  let kept = '';
  while (pieces.length > 0) {
    const piece = (keep === 'start' ? pieces.shift() : pieces.pop()) as string;
    if (stringWidth(kept) + stringWidth(piece) + 1 > columns) break;
    kept = keep === 'start' ? kept + piece : piece + kept;
  }
  return keep === 'start' ? `${kept}…` : `…${kept}`;
}

/** `text` in pieces of at most so many columns, where it is longer. */
export function cutInPieces(text: string, columns: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const { segment } of graphemes.segment(text)) {
    if (piece !== '' && stringWidth(piece) + stringWidth(segment) > columns) {
      pieces.push(piece);
      piece = '';
    }
    piece += segment;
  }
  return [...pieces, piece];
}
