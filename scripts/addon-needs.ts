/** What a compiled addon asks of the system that loads it, as its own tables say. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isAtLeast } from '../src/runtime/host.ts';

/** What prebuilt addons may ask of a system at most: what Debian 12 has, the oldest that Debian supports. */
const newest: Readonly<Record<string, string>> = {
  GLIBC: '2.36',
  GLIBCXX: '3.4.30',
  CXXABI: '1.3.13',
  GCC: '12.0.0',
};

/** Libraries that are on every such system, and those that are fetched with the addons. */
const expected =
  /^(lib(c|m|stdc\+\+|gcc_s)|ld-linux-x86-64|lib(tensorflow_(cc|framework)|dnnl))\.so\.\d$/;

/** What all of some files ask for. */
export interface Needs {
  /** The newest versions of symbols, by the libraries' names for them. */
  versions: Record<string, string>;
  /** The files that the loader looks for. */
  libraries: string[];
}

/** What `objdump` says of the files: their tables of libraries and of symbols. */
export async function readTables(files: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('objdump', ['-p', '-T', ...files], {
    maxBuffer: 1e8,
  });
  return stdout;
}

/** The oldest glibc that addons with such tables load on; throws if they need what the oldest supported system lacks. */
export function minimumGlibc(tables: string): string {
  const { versions, libraries } = needsOf(tables);
  for (const [library, most] of Object.entries(newest)) {
    const found = versions[library] ?? '0';
    if (!isAtLeast(most, found)) {
      throw new Error(
        `prebuilt addons should need ${library} ${most} at most; they need ${found}: compile them on an older system.`,
      );
    }
  }
  const others = libraries.filter((library) => !expected.test(library));
  if (others.length > 0) {
    throw new Error(
      `prebuilt addons should need libraries that every system has; these need ${others.join(', ')}.`,
    );
  }
  return versions.GLIBC ?? '2.17';
}

/** Reads the tables: symbols such as `(GLIBC_2.34) pthread_once`, and lines such as `NEEDED libm.so.6`. */
export function needsOf(tables: string): Needs {
  const versions: Record<string, string> = {};
  for (const [, library, version] of tables.matchAll(/\b(GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)/g)) {
    if (!isAtLeast(versions[library!] ?? '0', version!)) versions[library!] = version!;
  }
  const libraries = [...tables.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, library]) => library!);
  return { versions, libraries: [...new Set(libraries)].sort() };
}
