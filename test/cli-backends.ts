import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const shim = fileURLToPath(new URL('../bin/gru-lm.js', import.meta.url));

/** The backends that `gru-lm doctor` finds to work here; `wasm` always does. */
export function usableBackends(): string[] {
  const { stdout } = spawnSync(process.execPath, [shim, 'doctor', '--json'], { encoding: 'utf8' });
  const { backends } = JSON.parse(stdout) as { backends: { backend: string; usable: boolean }[] };
  return backends.filter(({ usable }) => usable).map(({ backend }) => backend);
}
