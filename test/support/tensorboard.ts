/** What TensorBoard's own reader finds in a directory of event files. */
import { fileURLToPath } from 'node:url';
import { runPython, tensorboard } from './python.ts';

export interface ReadEvents {
  readonly version: number;
  /** Steps and values by tag. */
  readonly scalars: Readonly<Record<string, [number, number][]>>;
  readonly texts: Readonly<Record<string, [number, string][]>>;
  /** The plugin that shows each of the texts. */
  readonly plugins: Readonly<Record<string, string>>;
}

const script = fileURLToPath(new URL('python/read-events.py', import.meta.url));

export async function readEvents(directory: string): Promise<ReadEvents> {
  return JSON.parse(await runPython(tensorboard, [script, directory])) as ReadEvents;
}
