/** `npm run bench`: see --help. Tables go to standard output, progress to standard error. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorMessage, UserError } from '../src/errors.ts';
import { showFailure } from './command-line.ts';
import { withTables } from './docs.ts';
import { measure } from './measurement.ts';
import { help, type Options, parseOptions } from './options.ts';
import { allTables, describeResults } from './report.ts';
import type { Results } from './results.ts';
import { fold, textTable } from './table.ts';

const document = fileURLToPath(new URL('../docs/performance.md', import.meta.url));

async function main(signal: AbortSignal): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(help);
    return;
  }
  const results = await resultsOf(options, signal);
  const text = [
    describeResults(results).flatMap(fold).join('\n'),
    ...allTables(results).map(textTable),
  ];
  process.stdout.write(options.json ? `${JSON.stringify(results)}\n` : `${text.join('\n\n')}\n`);
  if (options.writeDocs) {
    await writeFile(document, withTables(await readFile(document, 'utf8'), results));
  }
}

async function resultsOf(options: Options, signal: AbortSignal): Promise<Results> {
  const { from } = options;
  if (from === undefined) {
    return measure(options, (line) => process.stderr.write(`${line}\n`), signal);
  }
  try {
    // npm without -s writes lines of its own before it.
    const text = (await readFile(from, 'utf8')).replace(/^[^{]*/, '');
    const results = JSON.parse(text) as Results;
    if (results.format === 1) return results;
  } catch (error) {
    throw new UserError('usage', `--from: ${from} cannot be read: ${errorMessage(error)}`);
  }
  throw new UserError('usage', `--from: expected what --json printed, found other JSON in ${from}`);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => stop.abort(new UserError('stopped', `stopped by ${name}`)));
}
try {
  await main(stop.signal);
} catch (error) {
  showFailure(error);
}
