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
  const under = [...(subtitle ? [subtitle] : []), ...head, ...rows.map(line), ...notes];
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

function pad(text: string, to: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? space + text : text + space;
}

/** Characters, as no table here has wide ones. */
function width(text: string): number {
  return [...text].length;
}
