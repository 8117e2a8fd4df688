/**
 * `npm run torture`: what docs/reliability.md promises, put to the test at full length.
 *
 *     npm run torture -- [scenario...] [--write-docs]
 *
 * Without names it runs every scenario, which takes the better part of an hour. Figures go to standard
 * output, progress to standard error; --write-docs puts the figures into docs/reliability.md. The exit
 * code is 1 if a promise did not hold.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withBlock } from '../bench/docs.ts';
import { columnsOf, markdownTable, type Table, textTable } from '../bench/table.ts';
import { scenario as badFiles } from './bad-files.ts';
import { scenario as durableSaves } from './durable-saves.ts';
import { scenario as exactResume } from './exact-resume.ts';
import { scenario as faults } from './faults.ts';
import { scenario as kills } from './kills.ts';
import { scenario as numbers } from './numbers.ts';
import type { Scenario } from './scenario.ts';
import { scenario as signals } from './signals.ts';
import { scenario as untrustedText } from './untrusted-text.ts';

const document = fileURLToPath(new URL('../docs/reliability.md', import.meta.url));
const scenarios: readonly Scenario[] = [
  exactResume,
  durableSaves,
  kills,
  signals,
  numbers,
  faults,
  badFiles,
  untrustedText,
];

/** The scenarios called `names`, or all. */
function choose(names: readonly string[]): readonly Scenario[] {
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    const known = scenarios.map(({ name }) => name).join(', ');
    throw new Error(`expected one of ${known}, found ${unknown}`);
  }
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name));
}

/** Runs a scenario and shows its figures; false if it failed. */
async function runAndShow(scenario: Scenario, writeDocs: boolean): Promise<boolean> {
  const startedMs = performance.now();
  const say = (line: string) => process.stderr.write(`${scenario.name}: ${line}\n`);
  try {
    const figures = await scenario.run(say);
    const seconds = (performance.now() - startedMs) / 1000;
    const table: Table = {
      title: scenario.name,
      columns: columnsOf('what', 'found'),
      rows: [...figures.map((row) => [...row]), ['took', `${seconds.toFixed(0)} s`]],
      notes: [],
    };
    process.stdout.write(`${textTable(table)}\n\n`);
    if (writeDocs) {
      const block = markdownTable(table);
      const text = await readFile(document, 'utf8');
      await writeFile(document, withBlock(text, `torture:${scenario.name}`, block));
    }
    return true;
  } catch (error) {
    process.stdout.write(`${scenario.name}\n  FAILED: ${(error as Error).stack}\n\n`);
    return false;
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'write-docs': { type: 'boolean', default: false } },
});
for (const scenario of choose(positionals)) {
  if (!(await runAndShow(scenario, values['write-docs']))) process.exitCode = 1;
}
