/** Tables, which scroll by themselves where they are too wide. */

import { made } from './data.js';

/**
 * A column: its heading, what stands in it of a row, and whether that is a number, or needs some room.
 *
 * @template Row
 * @typedef {{ title: string, cell: (row: Row) => string | Node, isNumber?: boolean, isWide?: boolean }} Column
 */

/**
 * The first column's cells are the headings of the rows.
 *
 * @template Row
 * @param {string} caption
 * @param {Column<Row>[]} columns
 * @param {Row[]} rows
 */
export function table(caption, columns, rows) {
  const head = made('tr', '');
  for (const { title, isNumber } of columns) {
    const cell = made('th', isNumber ? 'number' : '', title);
    cell.setAttribute('scope', 'col');
    head.append(cell);
  }
  const body = made('tbody', '');
  for (const row of rows) {
    const line = made('tr', '');
    for (const [i, { cell: contentOf, isNumber, isWide }] of columns.entries()) {
      const className = isNumber ? 'number' : isWide ? 'wide' : '';
      const cell = made(i === 0 ? 'th' : 'td', className, contentOf(row));
      if (i === 0) cell.setAttribute('scope', 'row');
      line.append(cell);
    }
    body.append(line);
  }
  const all = made('table', '', made('caption', '', caption), made('thead', '', head), body);
  const frame = made('div', 'scroll', all);
  frame.tabIndex = 0;
  frame.setAttribute('role', 'region');
  frame.setAttribute('aria-label', caption);
  return frame;
}

/**
 * What is shown when it is asked for.
 *
 * @param {string} summary
 * @param {...Node} content
 */
export function details(summary, ...content) {
  return made('details', '', made('summary', '', summary), ...content);
}
