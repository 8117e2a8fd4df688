/** Which files an operand of the command line means, and what is said of those that cannot be read. */

import { readlinkSync, type Stats, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import { isDynamicPattern } from 'tinyglobby';
import { type Saved, whatIsSaved } from '../checkpoint/saved-here.ts';
import { errorMessage, UserError } from '../errors.ts';
import { matchGlob } from './glob-files.ts';

/** A file that an operand means. */
export interface FoundFile {
  /** How it is reached and named to the user. */
  readonly path: string;
  /** The path from the directory that the operand names, with slashes. */
  readonly relativePath: string;
  /** Length in bytes. */
  readonly bytes: number;
}

/** What Node puts for bytes of a name that are not UTF-8: nothing is found by such a name. */
const OTHER_BYTES = '\ufffd';

/** What an operand means. */
export type Operand =
  /** Something to be read once, front to back: standard input (`-`), a pipe, a device. */
  | { readonly name: string; readonly kind: 'stream' }
  | { readonly name: string; readonly kind: 'file'; readonly file: FoundFile }
  /** The files of a directory or glob, in code-unit order of path, without empty ones. */
  | { readonly name: string; readonly kind: 'files'; readonly files: readonly FoundFile[] };

/** The files of an operand; none of one that is read once. */
export function operandFiles(operand: Operand): readonly FoundFile[] {
  return operand.kind === 'stream' ? [] : operand.kind === 'file' ? [operand.file] : operand.files;
}

/**
 * Finds what `operands` mean: what exists is taken by its name, whatever characters are in it; a
 * directory means the files below it; other names with glob characters mean the files that match.
 *
 * Hidden files and directories (whose names begin with a dot) are left out unless named. Links to
 * files are followed; links to directories are not, neither in directories nor by `**`. Neither finds
 * what is in runs and checkpoints of gru-lm, nor pipes and the like. What else cannot be read is an error.
 *
 * Throws a UserError for no operand or `-` twice (`usage`), and for an operand that means nothing, a run
 * or checkpoint, or a link that leads to nothing (`corpus-missing`), nothing but empty files
 * (`corpus-empty`) or what cannot be read, or has a name that is not UTF-8 (`corpus-unreadable`).
 */
export async function findOperands(operands: readonly string[]): Promise<Operand[]> {
  if (operands.length === 0) {
    throw new UserError(
      'usage',
      'expected at least one text file, found none',
      'Name a text file, a directory, or - for standard input.',
    );
  }
  assertOneStandardInput(operands);
  const found: Operand[] = [];
  for (const operand of operands) {
    found.push(await findOperand(operand));
  }
  return found;
}

/** Throws a UserError (`usage`) for `-` twice. */
export function assertOneStandardInput(operands: readonly string[]): void {
  if (operands.filter((operand) => operand === '-').length <= 1) return;
  throw new UserError(
    'usage',
    'expected - (standard input) once, found it several times',
    'Standard input can be read only once: keep one -.',
  );
}

async function findOperand(name: string): Promise<Operand> {
  if (name === '-') {
    return { name, kind: 'stream' };
  }
  let stats: Stats;
  try {
    stats = statSync(name);
  } catch (error) {
    if (!isMissing(error) || linkTarget(name) !== undefined) {
      throw readFailure(name, error);
    }
    await assertNoPointer(name);
    return { name, kind: 'files', files: await findMatches(name, error) };
  }
  if (stats.isDirectory()) {
    return { name, kind: 'files', files: await findBelow(name) };
  }
  if (!stats.isFile()) {
    return { name, kind: 'stream' };
  }
  if (stats.size === 0) {
    throw emptyText(name);
  }
  return { name, kind: 'file', file: { path: name, relativePath: name, bytes: stats.size } };
}

/** The files below a directory. */
async function findBelow(directory: string): Promise<FoundFile[]> {
  const paths: string[] = [];
  let hidden = 0;
  let saved = 0;
  const visit = async (below: string): Promise<void> => {
    const place = joinBelow(directory, below);
    const kind = await whatIsSaved(place);
    if (kind) {
      if (below === '') throw noText(directory, kind);
      saved += 1;
      return;
    }
    const entries = await readdir(place, { withFileTypes: true }).catch((error: unknown) => {
      throw readFailure(place, error);
    });
    for (const entry of entries) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.name.startsWith('.')) {
        hidden += 1;
      } else if (entry.isDirectory()) {
        await visit(path);
      } else if (entry.isFile() || entry.isSymbolicLink()) {
        paths.push(path);
      }
    }
  };
  await visit('');
  const files = regularFiles(directory, paths);
  if (files.length === 0) {
    const omitted = [
      ...(hidden === 0 ? [] : [`${hidden} hidden ${hidden === 1 ? 'entry' : 'entries'}`]),
      ...(saved === 0
        ? []
        : [`${saved} ${saved === 1 ? 'run or checkpoint' : 'runs or checkpoints'} of gru-lm`]),
    ].join(' and ');
    throw new UserError(
      'corpus-missing',
      `expected text files in the directory ${directory}, found none` +
        (omitted === '' ? '' : ` (${omitted} ${hidden + saved === 1 ? 'is' : 'are'} left out)`),
      'Name a directory that has text files in it, or the files themselves.',
    );
  }
  return withoutEmpty(files, directory);
}

/** The files that match a glob; `missing` is the error of opening what has its very name. */
async function findMatches(operand: string, missing: unknown): Promise<FoundFile[]> {
  const [base, pattern] = splitGlob(operand);
  if (!isDynamicPattern(pattern)) {
    throw readFailure(operand, missing);
  }
  const { paths, unread } = await matchGlob(base === '' ? '.' : base, pattern);
  for (const { path, error } of unread) {
    if (isGone(path, error)) continue;
    if (isMissing(error)) throw readFailure(path, error);
    throw new UserError(
      'corpus-unreadable',
      `expected to look through ${path} for ${operand}, could not: ${errorMessage(error)}`,
      'Check the permissions of the directory, or name files, or directories, instead of a glob.',
      { cause: error },
    );
  }
  const files = regularFiles(
    base,
    pattern.includes('**') ? await withoutSaved(base, paths) : paths,
  );
  if (files.length === 0) {
    throw new UserError(
      'corpus-missing',
      `expected a text file, found nothing that matches ${operand}`,
      'Check the pattern; it is taken from the current directory and leaves out hidden files, and ' +
        'by ** what is in runs of gru-lm.',
    );
  }
  return withoutEmpty(files, operand);
}

/** A glob as the longest directory that exists by that very name, and the pattern below it. */
function splitGlob(operand: string): [base: string, pattern: string] {
  const parts = (sep === '\\' ? operand.replaceAll('\\', '/') : operand).split('/');
  let count = 0;
  while (count < parts.length - 1) {
    const place = parts.slice(0, count + 1).join('/');
    const stats = statOrMissing(place === '' ? '/' : place);
    if (!stats?.isDirectory()) {
      break;
    }
    count += 1;
  }
  const base = parts.slice(0, count).join('/');
  const pattern = parts.slice(count).join('/');
  return [
    count > 0 && base === '' ? '/' : base,
    // A pattern that begins with ! would mean what does not match the rest.
    pattern.replace(/^!(?!\()/, '\\!'),
  ];
}

/** Leaves out what is in runs and checkpoints. */
async function withoutSaved(base: string, paths: readonly string[]): Promise<readonly string[]> {
  const isSaved = new Map<string, boolean>();
  const inSaved = async (directory: string): Promise<boolean> => {
    if (directory === '.') return false;
    const known = isSaved.get(directory);
    if (known !== undefined) return known;
    const found =
      (await inSaved(dirname(directory))) ||
      (await whatIsSaved(joinBelow(base, directory))) !== undefined;
    isSaved.set(directory, found);
    return found;
  };
  const kept: string[] = [];
  for (const path of paths) {
    if (!(await inSaved(dirname(path)))) kept.push(path);
  }
  return kept;
}

/** Throws a UserError if `name` is that of a run's best or last checkpoint, for which there is no directory. */
async function assertNoPointer(name: string): Promise<void> {
  if (!['best', 'last'].includes(basename(name))) return;
  if ((await whatIsSaved(dirname(name))) === 'run') throw noText(name, 'checkpoint');
}

function noText(name: string, kind: Saved): UserError {
  return new UserError(
    'corpus-missing',
    `expected text, found a ${kind} of gru-lm at ${name}`,
    'Name a file or directory of text. A checkpoint is named before options that take several ' +
      `values: gru-lm eval ${name} --text corpus.txt`,
  );
}

/** Those of `paths` below `base` that are regular files, in code-unit order. */
function regularFiles(base: string, paths: readonly string[]): FoundFile[] {
  const files: FoundFile[] = [];
  for (const relativePath of [...paths].sort()) {
    const path = joinBelow(base, relativePath);
    const stats = statEntry(path);
    if (stats?.isFile()) {
      files.push({ path, relativePath, bytes: stats.size });
    }
  }
  return files;
}

function withoutEmpty(files: readonly FoundFile[], operand: string): FoundFile[] {
  const filled = files.filter(({ bytes }) => bytes > 0);
  if (filled.length === 0) {
    throw emptyText(operand);
  }
  return filled;
}

/** Unlike path.join, it keeps the beginning as the user wrote it. */
function joinBelow(base: string, path: string): string {
  return base === '' || path === '' || base.endsWith('/') ? base + path : `${base}/${path}`;
}

/** What is at a path that was found; undefined: it has gone since. */
function statEntry(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isGone(path, error)) return undefined;
    throw readFailure(path, error);
  }
}

/** Whether nothing has the name `path`, and no link that leads nowhere, or name that Node does not have right. */
function isGone(path: string, error: unknown): boolean {
  return isMissing(error) && linkTarget(path) === undefined && !path.includes(OTHER_BYTES);
}

/** Where a link leads; undefined: `path` is none. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Synchronous, since of thousands of files a thread that is waited for takes ten times as long. */
function statOrMissing(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw readFailure(path, error);
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
}

/** How messages name a source. */
export function describeSource(name: string): string {
  return name === '-' ? 'standard input' : name;
}

/** What is said of a source in which nothing is. */
export function emptyText(name: string): UserError {
  return new UserError(
    'corpus-empty',
    `${describeSource(name)}: expected text, found nothing`,
    'Name a file that has text in it.',
  );
}

/** What is said when the system does not let `path` be read. */
export function readFailure(path: string, error: unknown): UserError {
  const isNowhere = isMissing(error) || (error as NodeJS.ErrnoException).code === 'ELOOP';
  const target = isNowhere ? linkTarget(path) : undefined;
  if (target !== undefined) {
    return new UserError(
      'corpus-missing',
      `expected a text file at ${path}, found a link to ${target}, where none is`,
      'Fetch what the link leads to, or remove the link.',
      { cause: error },
    );
  }
  if (isMissing(error) && path.includes(OTHER_BYTES)) {
    return new UserError(
      'corpus-unreadable',
      `expected a name in UTF-8, found ${path}, where each ${OTHER_BYTES} stands for other bytes`,
      'Rename it, or name - and give the text to standard input.',
      { cause: error },
    );
  }
  if (isMissing(error)) {
    return new UserError(
      'corpus-missing',
      `expected a text file, found nothing at ${path}`,
      'Check the path; it is taken from the current directory.',
      { cause: error },
    );
  }
  return new UserError(
    'corpus-unreadable',
    `expected a readable text file, could not read ${describeSource(path)}: ${errorMessage(error)}`,
    'Check the permissions of the file.',
    { cause: error },
  );
}
