/**
 * Prints which test files and which tests took longest, by the report that Vitest's `json` reporter wrote.
 * Tests that run side by side share the machine: each of them then seems slower than it is.
 *
 *     npx tsx scripts/slowest-tests.ts <report>
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

interface Report {
  testResults: {
    name: string;
    startTime: number;
    endTime: number;
    assertionResults: { fullName: string; duration?: number | null }[];
  }[];
}

const FILES = 20;
const TESTS = 10;

function show(heading: string, timed: { ms: number; what: string }[], count: number): void {
  console.log(heading);
  for (const { ms, what } of timed.sort((a, b) => b.ms - a.ms).slice(0, count)) {
    console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${what}`);
  }
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('expected the path of a report, found none');
const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report;
const files = testResults.map(({ name, startTime, endTime, assertionResults }) => ({
  ms: endTime - startTime,
  what: `${relative('.', name)} (${assertionResults.length} tests)`,
}));
const tests = testResults.flatMap(({ name, assertionResults }) =>
  assertionResults.map(({ fullName, duration }) => ({
    ms: duration ?? 0,
    what: `${relative('.', name)}: ${fullName}`,
  })),
);
show('slowest test files', files, FILES);
show('slowest tests', tests, TESTS);
