import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installDirectory, makeTemporary, removeTree, requireFreeSpace } from './cache.ts';
import type { RuntimeContext } from './context.ts';
import { fetchWheel } from './fetch.ts';
import type { WheelPin } from './pins.ts';
import type { Python } from './python.ts';
import { unpackWheel, verifyWheel } from './wheel.ts';

/** A directory of the cache that pinned wheels fill. */
export interface WheelDirectory {
  directory: string;
  /** What it is: a line for people. */
  what: string;
  version: string;
  wheels: readonly WheelPin[];
  /** Links to make in it: names, and where they lead. */
  links?: Readonly<Record<string, string>>;
}

/** Fetches the wheels, checks all of them, then unpacks what their pins name into the directory. */
export async function installWheels(
  { directory, what, version, wheels, links = {} }: WheelDirectory,
  python: Python,
  context: RuntimeContext,
): Promise<void> {
  const { cacheDirectory, part } = context;
  await requireFreeSpace(cacheDirectory, neededBytes(wheels), part);
  const download = await makeTemporary(cacheDirectory);
  try {
    const paths: string[] = [];
    for (const pin of wheels) {
      const path = await fetchWheel(pin, download, python, context);
      await verifyWheel(path, pin, context);
      paths.push(path);
    }
    await installDirectory(cacheDirectory, directory, async (building) => {
      const files = [];
      for (const [i, pin] of wheels.entries()) {
        files.push(...(await unpackWheel(paths[i]!, pin, building, context)));
      }
      for (const [name, target] of Object.entries(links)) {
        await mkdir(dirname(join(building, name)), { recursive: true });
        await symlink(target, join(building, name));
      }
      const details = Object.fromEntries(wheels.map(({ file, sha256 }) => [file, sha256]));
      return { format: 1, what, version, files, details };
    });
  } finally {
    await removeTree(download);
  }
}

/** Bytes that must be free before a fetch: the wheels and what is unpacked from them, with a margin. */
function neededBytes(wheels: readonly WheelPin[]): number {
  const sum = wheels.reduce((total, pin) => total + pin.bytes + pin.unpackedBytes, 0);
  return Math.ceil(sum * 1.1);
}
