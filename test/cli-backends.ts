import { spawnSync } from 'node:child_process';
import { PROGRAM } from '../torture/program.ts';

/** The backends that `gru-lm doctor` finds to work here; `wasm` always does. */
export function usableBackends(): string[] {
  const { stdout } = spawnSync(process.execPath, [PROGRAM, 'doctor', '--json'], {
    encoding: 'utf8',
  });
  const { backends } = JSON.parse(stdout) as { backends: { backend: string; usable: boolean }[] };
  return backends.filter(({ usable }) => usable).map(({ backend }) => backend);
}
