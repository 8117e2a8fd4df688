/** Writes tables into a document, between the comments that mark their places. */
import { describeResults, tablesOf } from './report.ts';
import { parts, type Results } from './results.ts';
import { markdownTable } from './table.ts';

/**
 * `text` with the block of each part that was measured replaced, and that of the machine:
 *
 *     <!-- bench:training -->
 *     …
 *     <!-- /bench:training -->
 *
 * A part that was not measured keeps what it has. Throws if a block's place is missing.
 */
export function withTables(text: string, results: Results): string {
  const machine = describeResults(results).map((line) => `- ${line}`);
  const blocks = parts.flatMap((part) => {
    const tables = tablesOf(results, part).map(markdownTable);
    return tables.length > 0 ? [[part, tables.join('\n\n')] as const] : [];
  });
  return [['machine', machine.join('\n')] as const, ...blocks].reduce(
    (document, [name, block]) => withBlock(document, `bench:${name}`, block),
    text,
  );
}

/** `text` with what stands between the comments `<!-- name -->` and `<!-- /name -->` replaced. */
export function withBlock(text: string, name: string, block: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`expected ${begin} and ${end} in the document`);
  return `${text.slice(0, from + begin.length)}\n${block}\n${text.slice(to)}`;
}
