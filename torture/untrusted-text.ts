/** Gives the program hostile text in every place, on a terminal, and looks at each byte that it shows. */

import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from './scenario.ts';
import {
  type Case,
  otherCases,
  trainCases,
  writePlaces,
  writeRuns,
} from './untrusted-text/places.ts';
import { findControl, showOnTerminal } from './untrusted-text/terminal.ts';

/** A screen or two, and the listings that were asked for. */
const MOST_SHOWN = 200_000;
/** What was given is a megabyte, and shows control characters as longer ones. */
const MOST_SHOWN_LONG = 8_000_000;

export interface TerminalFindings {
  readonly cases: number;
  readonly bytes: number;
}

/**
 * Runs the cases that `isWanted`, and those that make what they need; throws where a control character
 * but line end and tab comes to the terminal, or too much does, or the program fails as a bug does.
 */
export async function showHostileText(
  isWanted: (each: Case) => boolean = () => true,
  log: (line: string) => void = () => {},
): Promise<TerminalFindings> {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-untrusted-'));
  try {
    writePlaces(directory);
    const [first, ...others] = trainCases;
    let bytes = await showCase(first as Case, directory, log);
    writeRuns(directory);
    const wanted = [...others, ...otherCases(directory)].filter(isWanted);
    for (const each of wanted) bytes += await showCase(each, directory, log);
    return { cases: wanted.length + 1, bytes };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function showCase(each: Case, cwd: string, log: (line: string) => void): Promise<number> {
  const { name, args, env = {}, input, hasBar = false, isLong = false } = each;
  const { exitCode, text } = await showOnTerminal(args, cwd, { env, ...(input && { input }) });
  const bytes = Buffer.byteLength(text);
  log(`${name}: exit ${exitCode}, ${bytes} bytes`);
  const control = findControl(text, hasBar);
  assert.equal(control, undefined, `${name}: ${control}`);
  assert.ok(bytes > 0, `${name}: nothing is shown`);
  assert.ok(bytes <= (isLong ? MOST_SHOWN_LONG : MOST_SHOWN), `${name}: ${bytes} bytes are shown`);
  assert.ok([0, 1, 2].includes(exitCode as number), `${name}: exit ${exitCode}\n${text}`);
  assert.ok(!text.includes('this is a bug'), `${name}:\n${text}`);
  return bytes;
}

export const scenario: Scenario = {
  name: 'untrusted-text',
  async run(log) {
    const { cases, bytes } = await showHostileText(undefined, log);
    return [
      ['commands with hostile text, on a terminal', String(cases)],
      ['bytes that they showed', bytes.toLocaleString('en')],
      ['control characters among them but line ends and tabs', '0'],
    ];
  },
};
