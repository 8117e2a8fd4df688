/** Tables, for a terminal and for Markdown. */

export interface Table {
  title: string;
  /** What else there is to know before reading it. */
  subtitle?: string;
  /** Columns of numbers are set flush right. */
  columns: { title: string; align: 'left' | 'right' }[];
  rows: string[][];
  /** Lines below it. */
  notes: string[];
}

const LINE_WIDTH = 96;

/** Columns of these titles; the first is of words, the others of numbers. */
export function columnsOf(...titles: string[]): Table['columns'] {
  return titles.map((title, i) => ({ title, align: i === 0 ? 'left' : 'right' }));
}

/** Aligned by spaces. */
export function textTable({ title, subtitle, columns, rows, notes }: Table): string {
  const widths = columns.map((column, i) =>
    Math.max(width(column.title), ...rows.map((row) => width(row[i] ?? ''))),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => pad(cell, widths[i] as number, columns[i]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  const head = rows.length > 0 ? [line(columns.map((column) => column.title))] : [];
  const below = notes.flatMap((note) => fold(note));
  const under = [...(subtitle ? [subtitle] : []), ...head, ...rows.map(line), ...below];
  return [title, ...under.map((text) => `  ${text}`)].join('\n');
}

export function markdownTable({ title, subtitle, columns, rows, notes }: Table): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map(({ align }) => (align === 'right' ? '---:' : '---'));
  const table =
    rows.length > 0
      ? [line(columns.map((column) => column.title)), line(rule), ...rows.map(line)]
      : [];
  const heading = subtitle ? `**${title}**: ${subtitle}` : `**${title}**`;
  const paragraphs = [heading, table.join('\n'), ...notes];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

/** A line cut between words into lines of a terminal's width, the later ones set in. */
export function fold(line: string): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    if (current !== '' && width(current) + 1 + width(word) > LINE_WIDTH) {
      lines.push(current);
      current = ` ${word}`;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}

function pad(text: string, to: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? space + text : text + space;
}

/** Characters, as no table here has wide ones. */
function width(text: string): number {
  return [...text].length;
}
