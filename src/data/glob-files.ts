/** Finds what matches a glob, and tells what it could not look into. */

import { readdir, realpath, type Stats, stat } from 'node:fs';
import { posix, relative, resolve, sep } from 'node:path';
import { type GlobOptions, glob } from 'tinyglobby';

export interface GlobMatches {
  /** Paths from `cwd` of what is no directory: files, and whatever else has a name that matches. */
  readonly paths: readonly string[];
  /** The directories that may have files that match, and could not be read. */
  readonly unread: readonly { readonly path: string; readonly error: unknown }[];
}

/**
 * The files that match `pattern` below `cwd`; by `**` none below links to directories, where a tree could
 * come again and again.
 */
export async function matchGlob(cwd: string, pattern: string): Promise<GlobMatches> {
  const isDeep = pattern.includes('**');
  const segments = posix.normalize(pattern).split('/').length;
  const unread: { path: string; error: unknown }[] = [];
  /** Links by what they lead to: below a link to a directory tinyglobby goes on from there. */
  const links = new Map<string, string>();
  // It also reads directories of which only the own name matches.
  const mayHaveMatches = (directory: string) => {
    const below = relative(resolve(cwd), links.get(directory) ?? directory);
    return isDeep || below.split(sep).filter(Boolean).length < segments;
  };
  // tinyglobby leaves out what it cannot read, without a word. It calls no other functions than these.
  const fs = {
    readdir(path: string, options: { withFileTypes: true }, done: Done<unknown>) {
      readdir(path, options, (error, entries) => {
        const place = resolve(path);
        if (error && mayHaveMatches(place)) unread.push({ path: place, error });
        done(error, entries);
      });
    },
    // Of links alone, as stat.
    realpath(path: string, done: Done<string>) {
      realpath(path, (error, real) => {
        if (!error) links.set(real, path);
        done(null, error ? path : real);
      });
    },
    stat(path: string, done: Done<Pick<Stats, 'isDirectory'>>) {
      stat(path, (error, stats) => {
        const isDirectory = !error && stats.isDirectory();
        const refused = isDirectory && isDeep ? new Error('a link to a directory') : null;
        done(refused, { isDirectory: () => isDirectory });
      });
    },
  };
  const paths = await glob(pattern, {
    cwd,
    expandDirectories: false,
    fs: fs as unknown as NonNullable<GlobOptions['fs']>,
  });
  return { paths, unread };
}

type Done<Result> = (error: Error | null, result?: Result) => void;
