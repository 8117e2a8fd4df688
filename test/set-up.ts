import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDistribution } from '../scripts/distribution.ts';
import { setUpRuntime } from '../src/runtime/backend.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

/**
 * What all tests share, made once before them: TensorFlow with the native operations, and `gru-lm` as it
 * is published, which starts three times as fast as from its sources. Returns what removes the latter.
 * Vitest asks for it once for each project.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.GRU_LM_TEST_PROGRAM !== undefined) return undefined;
  const [program] = await Promise.all([buildProgram(), provision()]);
  return () => rm(program, { recursive: true, force: true });
}

/** Builds the program into a directory that finds the checkout's packages; torture/program.ts names it. */
async function buildProgram(): Promise<string> {
  const cache = join(root, 'node_modules', '.cache', 'gru-lm');
  await mkdir(cache, { recursive: true });
  const place = await mkdtemp(join(cache, 'program-'));
  await buildDistribution(join(place, 'dist'));
  for (const part of ['bin', 'package.json']) {
    await cp(join(root, part), join(place, part), { recursive: true });
  }
  process.env.GRU_LM_TEST_PROGRAM = join(place, 'bin', 'gru-lm.js');
  return place;
}

/**
 * Sets TensorFlow and the native operations up in the cache that GRU_LM_CACHE names or the user's own:
 * the real download, build and first load. Where that fails, only the tests that need it do.
 */
async function provision(): Promise<void> {
  try {
    const { operations } = await setUpRuntime({
      onEvent: (event) => {
        if (event.type === 'phase' || event.type === 'wait') console.error(event.message);
      },
    });
    const { refusal } = operations;
    if (refusal) console.error(`Without the native operations: ${refusal.reason} ${refusal.mend}`);
  } catch (error) {
    console.error(`TensorFlow could not be set up: ${(error as Error).message}`);
    process.env.GRU_LM_OFFLINE = '1';
  }
}
