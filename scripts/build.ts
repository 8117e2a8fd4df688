/** `npm run build`: makes dist/, which only a packed package uses. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDistribution } from './distribution.ts';
import { libraryTypes } from './library-types.ts';
import { copyPrebuilds } from './prebuilds.ts';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** What an editor and TypeScript know of the library. */
async function writeTypes(): Promise<void> {
  for (const [name, text] of libraryTypes()) {
    const path = join(dist, 'types', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

await buildDistribution(dist);
await copyPrebuilds(fileURLToPath(new URL('../prebuilds', import.meta.url)), dist);
await writeTypes();
