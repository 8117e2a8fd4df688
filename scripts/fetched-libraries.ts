import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createContext } from '../src/runtime/context.ts';

/**
 * Makes a cache (what GRU_LM_CACHE names) that has what was fetched on this machine, TensorFlow and oneDNN, by
 * links, and nothing that was compiled. Returns its directory for the runtime.
 */
export async function linkFetchedLibraries(cache: string): Promise<string> {
  const { cacheDirectory } = createContext();
  const runtime = join(cache, 'runtime');
  await mkdir(runtime, { recursive: true });
  for (const name of await readdir(cacheDirectory)) {
    if (!/^(tensorflow|onednn)-/.test(name)) continue;
    await symlink(join(cacheDirectory, name), join(runtime, name));
  }
  return runtime;
}
