/** The lines that were typed in earlier sessions. */
import type { Stats } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import envPaths from 'env-paths';
import { temporaryName } from '../durable-files.ts';
import { makeDirectories } from '../make-directories.ts';
import { type FilePlace, placeOf } from './file-place.ts';
import { showControls } from './terminal.ts';

/** Lines that are kept, and what of a line is. */
export const LINES_KEPT = 1000;
const LONGEST_LINE = 2000;
/** A file with more than its lines may have is none of ours. */
const LONGEST_FILE = 4 * LINES_KEPT * LONGEST_LINE;

/** Where history is kept; undefined: it is not to be. `GRU_LM_HISTORY` names another file, or none. */
export function historyPath(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { GRU_LM_HISTORY } = env;
  if (GRU_LM_HISTORY !== undefined) return GRU_LM_HISTORY || undefined;
  return join(envPaths('gru-lm', { suffix: '' }).data, 'history');
}

/** A line as it is kept: it is written to a terminal when it is called up again. */
function keptLine(line: string): string {
  return showControls(line)
    .replace(/[\n\t]/g, ' ')
    .slice(0, LONGEST_LINE);
}

/** The lines of a file, the oldest first; none where there is no such file. */
export async function readHistory(path: string): Promise<string[]> {
  return linesIn(await placeOf(path));
}

async function linesIn({ file, stats }: FilePlace): Promise<string[]> {
  if (!stats || !mayBeHistory(stats)) return [];
  const text = await readFile(file, 'utf8');
  return text.split('\n').filter(Boolean).map(keptLine).slice(-LINES_KEPT);
}

function mayBeHistory(stats: Stats): boolean {
  return stats.isFile() && stats.size <= LONGEST_FILE;
}

/**
 * Puts lines after those that are kept by now: another session may have ended meanwhile. The file is for
 * its owner alone. Nothing is kept in what is no file, such as /dev/null, or is too long to be one of these.
 */
export async function addToHistory(path: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  const place = await placeOf(path);
  if (place.stats && !mayBeHistory(place.stats)) return;
  const { file } = place;
  const all = [...(await linesIn(place)), ...lines.map(keptLine)];
  const distinct = all.filter((line, i) => line !== '' && line !== all[i - 1]);
  const directory = dirname(file);
  await makeDirectories(directory, 0o700);
  const temporary = join(directory, temporaryName());
  try {
    const text = distinct.slice(-LINES_KEPT).map((line) => `${line}\n`);
    await writeFile(temporary, text.join(''), { flag: 'wx', mode: 0o600 });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
