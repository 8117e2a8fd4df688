/**
 * Installs a packed tarball into an empty folder and trains with it as on a machine without a compiler: under each
 * supported Node.js, by each level of prebuilt operations that this processor runs, and on wasm.
 *
 *     npm run check:package [-- <tarball>]
 *
 * It wants what `npm run pack:all` made, which takes minutes to compile, so it is no part of `npm run check`:
 * test/package.test.ts does the same with addons that were compiled for this machine.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readHost } from '../src/runtime/host.ts';
import { levelsOf } from '../src/runtime/levels.ts';
import { linkFetchedLibraries } from './fetched-libraries.ts';
import { nodeOf, supportedNodes } from './supported-nodes.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
/** Losses of the last step, in nats a token, may differ by this much between levels and releases. */
const tolerance = 1e-3;

interface Place {
  /** The folder with the installation. */
  home: string;
  node: string;
  env: NodeJS.ProcessEnv;
}

async function gruLm({ home, node, env }: Place, args: readonly string[]): Promise<string> {
  const program = join('node_modules', 'gru-lm', 'bin', 'gru-lm.js');
  const { stdout, stderr } = await promisify(execFile)(node, [program, ...args], {
    cwd: home,
    env: { ...process.env, ...env },
  });
  if (/compiling|Without/.test(stderr)) throw new Error(`gru-lm ${args[0]}: ${stderr}`);
  return stdout;
}

/** Trains a small model; returns what it says of its backend, and the last step's loss. */
async function train(place: Place, backend: string): Promise<{ on: string; loss: number }> {
  const size = ['--embedding', '32', '--hidden', '64', '--layers', '2'];
  // The same everywhere: by themselves they go by the machine.
  const way = ['--gru-variant', 'reset-after', '--optimizer', 'adam', '--precision', 'float32'];
  const limits = ['--max-steps', '20', '--batch-size', '8', '--bptt', '32', '--seed', '1'];
  const out = ['--out', `run-${Math.random()}`, '--backend', backend, '--json'];
  const lines = await gruLm(place, ['train', 'text.txt', ...size, ...way, ...limits, ...out]);
  const events = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const last = events.findLast(({ event }) => event === 'step');
  return { on: String(events[0]?.backendDescription), loss: Number(last?.loss) };
}

async function install(tarball: string, home: string): Promise<void> {
  await mkdir(home);
  // Without a prefix npm would install into a package around the folder, if there is one.
  const args = ['install', '--prefix', home, '--no-audit', '--no-fund', tarball];
  await promisify(execFile)('npm', args, { cwd: home });
  await cp(join(root, 'corpora', 'tinyshakespeare.txt'), join(home, 'text.txt'));
}

async function main(): Promise<void> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const tarball = resolve(process.argv[2] ?? join(root, `gru-lm-${version}.tgz`));
  const scratch = await mkdtemp(join(tmpdir(), 'gru-lm-check-'));
  try {
    const home = join(scratch, 'home');
    await install(tarball, home);
    const losses: number[] = [];
    for (const release of supportedNodes) {
      const node = await nodeOf(release);
      const cache = join(scratch, `cache-${release}`);
      await linkFetchedLibraries(cache);
      const env = {
        PATH: join(scratch, 'no-programs'),
        CXX: '',
        GRU_LM_CACHE: cache,
        GRU_LM_OFFLINE: '1',
        GRU_LM_TENSORFLOW: '',
      };
      const report = ({ on, loss }: { on: string; loss: number }, how: string) => {
        losses.push(loss);
        console.log(`Node ${release}, ${on}, ${how}: ${loss.toFixed(4)} nats after 20 steps`);
      };
      for (const { name } of levelsOf(readHost().processor)) {
        const place = { home, node, env: { ...env, GRU_LM_PREBUILT: name } };
        report(await train(place, 'cpu'), name);
        const found = await gruLm(place, ['doctor']);
        if (!found.includes(`prebuilt for ${name}`)) throw new Error(found);
      }
      report(await train({ home, node, env }, 'wasm'), 'wasm');
    }
    const apart = Math.max(...losses) - Math.min(...losses);
    if (!(apart < tolerance)) throw new Error(`the losses are ${apart} nats apart`);
    console.log(`${losses.length} runs, at most ${apart.toExponential(1)} nats apart`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

await main();
