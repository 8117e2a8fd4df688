import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeOperations } from '../src/runtime/binding-types.ts';
import { createContext } from '../src/runtime/context.ts';
import { readHost } from '../src/runtime/host.ts';
import { levelsOf } from '../src/runtime/levels.ts';
import { makeReady } from '../src/runtime/ready.ts';
import { linkFetchedLibraries } from './fetched-libraries.ts';

/** A level that this processor runs, and what its addon said of itself. */
export interface TriedLevel {
  level: string;
  found: NativeOperations;
}

/**
 * Has the prebuilt addons in `directory` do their test operations on this machine, for each level that its processor
 * runs; throws if one does not do it, whatever else would have taken its place.
 */
export async function tryPrebuilds(directory: string): Promise<TriedLevel[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'gru-lm-prebuilt-'));
  try {
    const cacheDirectory = await linkFetchedLibraries(scratch);
    const tried: TriedLevel[] = [];
    for (const { name: level } of levelsOf(readHost().processor)) {
      const env = {
        ...process.env,
        GRU_LM_PREBUILT: level,
        GRU_LM_OFFLINE: '1',
        GRU_LM_TENSORFLOW: '',
        CXX: join(scratch, 'no-compiler'),
      };
      const context = createContext({ cacheDirectory, prebuiltDirectory: directory, env });
      const { operations } = await makeReady(context, 'cpu');
      const { built, found, refusal } = operations;
      if (found === undefined || built?.level !== level) {
        throw new Error(`what was compiled for ${level} does not work: ${refusal?.reason}`);
      }
      tried.push({ level, found });
    }
    return tried;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
