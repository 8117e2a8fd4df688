import { beforeAll, expect, test } from 'vitest';
import {
  hasTerminal,
  runProcess,
  shellCommand,
  TINY,
  temporaryDirectory,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();
const train = ['train', 'corpus.txt', ...TINY, '--max-steps', '4', '--backend', 'wasm'];

beforeAll(() => writeCorpus(cwd));

/** Runs commands of a shell on a terminal on which `typed` waits to be read. */
function onTerminal(script: string, typed: string) {
  return runProcess('script', ['-qec', `sh -c "${script}"`, '/dev/null'], {
    ...{ cwd, input: typed, env: { NO_COLOR: '1' } },
  });
}

test.runIf(hasTerminal)(
  'train asks nothing: what is typed on its terminal is left to be read',
  async () => {
    // A run that is new, one whose directory is taken, and one that replaces it.
    const runs = [[], [], ['--overwrite']].map((flags) => shellCommand([...train, ...flags]));
    const script = `${runs.join('; ')}; read -r line; echo left: \\$line`;
    const { stdout, exitCode } = await onTerminal(script, 'y and no\n');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('left: y and no');
    expect(stdout.match(/done: 4 steps/g)).toHaveLength(2);
    expect(stdout).toContain('error: expected a new directory for the run, found a run in');
  },
);

test.runIf(hasTerminal)(
  'what reads the terminal leaves nothing, by which the test above would fail',
  async () => {
    const script = `head -n 1 > eaten; read -r line; echo left: \\$line`;
    const { stdout } = await onTerminal(script, 'y and no\n');
    expect(stdout).not.toContain('left: y');
  },
);
