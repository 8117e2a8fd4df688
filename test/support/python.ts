/**
 * Pythons with packages that tests hold results against. Each has an environment of its own in gru-lm's cache
 * (`GRU_LM_CACHE`), named by the hash of its requirements: the first test that asks installs it, later ones and later
 * gates find it there. A further one is a file that `bench/pin-requirements.py` writes, and a constant here.
 */
import { fileURLToPath } from 'node:url';
import { ensurePython, type PythonPeers } from '../../bench/environment.ts';
import { runChild } from '../../src/runtime/process.ts';

/** Whether this is the platform that the requirements are pinned for. */
export const hasPinnedPython = process.platform === 'linux' && process.arch === 'x64';

/** TensorBoard's reader of event files; the rest of TensorBoard would ask for more packages. */
export const tensorboard: PythonPeers = {
  requirements: pathOf('tensorboard.txt'),
  size: 'some 25 MB to fetch, 110 MB on disk',
};

/** onnxruntime, and ONNX's own checker of models. */
export const onnx: PythonPeers = {
  requirements: pathOf('onnx.txt'),
  size: 'some 60 MB to fetch, 200 MB on disk',
};

/**
 * What a script prints, the last 64 kB of it, under a Python that has the packages.
 *
 * @param args the script's path, and what it takes
 * @throws Error with what the script says if it fails, UserError if there is no such Python
 */
export async function runPython(
  packages: PythonPeers,
  args: readonly string[],
  signal = new AbortController().signal,
): Promise<string> {
  const python = await ensurePython(packages, (line) => console.error(line), signal);
  const { code, stdout, stderr } = await runChild(python, [...args], { signal });
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${stderr}`);
  return stdout;
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`python/${name}`, import.meta.url));
}
