import { readdir } from 'node:fs/promises';
import { delimiter } from 'node:path';
import type { RuntimeContext } from './context.ts';
import { runChild, SpawnError } from './process.ts';

/** File names of libraries that the system's loader finds for any program: by LD_LIBRARY_PATH or ldconfig's cache. */
export async function loaderLibraries(context: RuntimeContext): Promise<Set<string>> {
  const names = new Set<string>(await listConfigured(context));
  for (const directory of (context.env.LD_LIBRARY_PATH ?? '').split(delimiter)) {
    if (directory === '') continue;
    for (const name of await readdir(directory).catch(() => [])) names.add(name);
  }
  return names;
}

/** `libcublas.so.12 (libc6,x86-64) => /usr/local/cuda/lib64/libcublas.so.12`: the names that `ldconfig -p` begins with. */
async function listConfigured({ env, signal }: RuntimeContext): Promise<string[]> {
  try {
    const path = `${env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
    const options = { env: { ...env, PATH: path }, signal, timeoutMs: 10_000 };
    const { code, stdout } = await runChild('ldconfig', ['-p'], options);
    if (code !== 0) return [];
    return [...stdout.matchAll(/^\s+(lib\S+) \(/gm)].map((found) => found[1]!);
  } catch (error) {
    if (error instanceof SpawnError) return [];
    throw error;
  }
}
