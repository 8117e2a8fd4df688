import { readFileSync } from 'node:fs';

/** A golden of `src/ops/fixtures`; `test/goldens` holds the script that made it. */
export function readFixture<Fixture>(name: string): Fixture {
  const url = new URL(`../../src/ops/fixtures/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Fixture;
}
