/**
 * What `npm pack` makes, installed as a user would, under each Node.js that is supported; and the
 * checkout as `npm ci` leaves it.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prebuild, prebuildSources } from '../scripts/prebuilds.ts';
import { LIBRARY } from '../src/export/tfjs/site-files.ts';
import { createContext } from '../src/runtime/context.ts';
import { readHost } from '../src/runtime/host.ts';
import { levelsOf } from '../src/runtime/levels.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const supportedNodes = [20, 22, 24];
/** Where addons can be prebuilt: TensorFlow is set up, and the processor has one of the levels. */
const hasPrebuilds =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  process.env.GRU_LM_OFFLINE !== '1' &&
  levelsOf(readHost().processor).length > 0;

interface Lock {
  packages: Record<
    string,
    {
      dev?: boolean;
      link?: boolean;
      resolved?: string;
      hasInstallScript?: boolean;
      optionalDependencies?: Record<string, string>;
    }
  >;
}

interface Manifest {
  scripts?: Record<string, string>;
  allowScripts: Record<string, boolean>;
}

let scratch: string;
/** A copy of the checkout, which shares its node_modules. */
let checkout: string;
/** Where the packed package is installed. */
let home: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'gru-lm-package-'));
  checkout = join(scratch, 'checkout');
  home = join(scratch, 'home');
  await mkdir(home);
  const left = new Set([
    ...['.git', 'node_modules', 'dist', 'prebuilds', 'checkpoints', 'corpora', 'coverage'],
  ]);
  await cp(root, checkout, {
    recursive: true,
    filter: (path) => path === root || !left.has(basename(path)),
  });
}, 120_000);

afterAll(() => rm(scratch, { recursive: true, force: true }));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function run(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1e8 };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}

async function runWell(...[command, args, cwd, env]: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd, env);
  expect({ code, stderr: code === 0 ? '' : stderr }, `${command} ${args.join(' ')}`).toEqual({
    code: 0,
    stderr: '',
  });
  return stdout;
}

/** The executable of a Node.js; versions other than this one come from npm, and are kept. */
async function nodeOf(major: number): Promise<string> {
  if (Number.parseInt(process.versions.node, 10) === major) return process.execPath;
  const place = join(root, 'node_modules', '.cache', 'gru-lm', `node-${major}`);
  const node = join(place, 'node_modules', '.bin', 'node');
  if (!existsSync(node)) {
    await mkdir(place, { recursive: true });
    await runWell('npm', ['install', '--prefix', place, '--no-save', `node@${major}`], place);
  }
  return node;
}

describe('a checkout', () => {
  it('whose dependencies are missing says what to run', async () => {
    const result = await run(process.execPath, ['bin/gru-lm.js', '--version'], checkout);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: the dependencies of this checkout are not installed.\n  Run npm ci in it first.\n',
    });
  });

  it('runs its own command line by npx, which asks for nothing and fetches nothing', async () => {
    await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
    const stdout = await runWell('npx', ['gru-lm', '--version'], checkout, {
      npm_config_cache: join(scratch, 'npm-cache'),
      npm_config_offline: 'true',
    });
    expect(stdout).toBe(`${version}\n`);
  });

  it('has a lock file that is complete on every platform and names no registry', async () => {
    const { packages } = JSON.parse(
      await readFile(join(root, 'package-lock.json'), 'utf8'),
    ) as Lock;
    const paths = Object.keys(packages);
    const absent = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !paths.some((path) => path.endsWith(`node_modules/${name}`)));
    expect(absent).toEqual([]);
    const addresses = Object.values(packages).filter(({ link, resolved }) => resolved && !link);
    expect(addresses).toEqual([]);
  });

  it('allows no dependency an install script, and needs none to run', async () => {
    const { packages } = JSON.parse(
      await readFile(join(root, 'package-lock.json'), 'utf8'),
    ) as Lock;
    const withScript = Object.entries(packages).filter(([, entry]) => entry.hasInstallScript);
    const names = withScript.map(([path]) => path.replace(/^.*node_modules\//, ''));
    const manifest = await readManifest(root);
    expect(manifest.allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, false])));
    expect(withScript.filter(([, { dev }]) => !dev)).toEqual([]);
  });
});

describe('the changelog', () => {
  it('begins with the version of package.json', async () => {
    const changelog = await readFile(join(root, 'CHANGELOG.md'), 'utf8');
    expect(/^## (\S+)/m.exec(changelog)?.[1]).toBe(version);
  });
});

describe('the packed package', () => {
  beforeAll(async () => {
    if (hasPrebuilds) await prebuildForThisMachine(join(checkout, 'prebuilds'));
    await runWell(
      'npm',
      ['pack', '--ignore-scripts=false', '--pack-destination', scratch],
      checkout,
    );
    const tarball = join(scratch, `gru-lm-${version}.tgz`);
    await runWell('npm', ['install', '--ignore-scripts=false', '--no-audit', tarball], home);
  }, 400_000);

  it('brings no development tool, no tfjs-node, one tfjs-core, and no install script', async () => {
    const installed = await installedPackages(join(home, 'node_modules'));
    expect(installed.length).toBeGreaterThan(20);
    expect(installed.length).toBeLessThan(50);
    expect(installed.filter((path) => path.endsWith('/tfjs-core'))).toHaveLength(1);
    for (const path of installed) {
      expect(path).not.toMatch(/pre-gyp|tfjs-node|google-protobuf|esbuild|tsx$|typescript/);
      const { scripts = {} } = await readManifest(path);
      const atInstall = ['preinstall', 'install', 'postinstall'].filter((name) => scripts[name]);
      expect(atInstall, path).toEqual([]);
      expect(existsSync(join(path, 'binding.gyp')), path).toBe(false);
    }
  });

  it('carries the sources of the native operations, without their tests', async () => {
    const sources = await readdir(join(root, 'native'));
    const carried = await readdir(join(home, 'node_modules', 'gru-lm', 'dist', 'native'));
    expect(carried).toContain('addon.cc');
    expect(carried.sort()).toEqual(sources.filter((name) => /\.(cc|h)$/.test(name)).sort());
  });

  it.each([
    ['inspection', 'inspection-page'],
    ['serving', 'playground-page'],
    ['report', 'report-page'],
  ])('carries what the page src/%s/%s is made of', async (part, page) => {
    const sources = await readdir(join(root, 'src', part, page));
    const carried = await readdir(join(home, 'node_modules', 'gru-lm', 'dist', page));
    expect(carried).toContain('page.html');
    expect(carried.sort()).toEqual(sources.filter((name) => name !== 'tsconfig.json').sort());
  });

  it('carries the licences of what it copies', async () => {
    const place = join(home, 'node_modules', 'gru-lm');
    for (const file of ['LICENSE', 'NOTICE', 'dist/tfjs-node/LICENSE', 'dist/tfjs/LICENSE']) {
      expect(await readFile(join(place, file), 'utf8')).toMatch(/Apache License/);
    }
    const protobuf = await readFile(
      join(place, 'dist/tfjs-node/LICENSE-google-protobuf.md'),
      'utf8',
    );
    expect(protobuf).toMatch(/Redistribution and use in source and binary forms/);
  });

  it('tells its version without loading TensorFlow.js', async () => {
    const tensorflow = join(home, 'node_modules', '@tensorflow');
    await rename(tensorflow, `${tensorflow}-away`);
    try {
      const program = join(home, 'node_modules', '.bin', 'gru-lm');
      expect(await runWell(program, ['--version'], home)).toBe(`${version}\n`);
      expect(await runWell(program, ['train', '--help'], home)).toContain('--max-steps');
    } finally {
      await rename(`${tensorflow}-away`, tensorflow);
    }
  });

  describe('as a library', () => {
    it('runs its example, imported by name', async () => {
      await cp(join(root, 'examples', 'library.mjs'), join(home, 'library.mjs'));
      await writeFile(
        join(home, 'corpus.txt'),
        'the quick brown fox jumps over the dog\n'.repeat(200),
      );
      const stdout = await runWell(process.execPath, ['library.mjs', 'corpus.txt'], home);
      expect(stdout).toMatch(
        /^\d+ parameters on \w+\n(step \d0: loss [\d.]+\n){3}best: [\d.]+ nats a token\nperplexity [\d.]+\n(seed [12]: ".+"\n){2}$/,
      );
    });

    it('has types for it, which know options, events and figures', async () => {
      const good = `
        import { evaluate, sample, train, UserError, type TrainEvent } from 'gru-lm';
        export async function run(signal: AbortSignal): Promise<number | null> {
          for await (const event of train('a.txt', { hiddenSize: 8, cell: 'lstm', signal })) {
            if (event.event === 'step') event.loss.toFixed(2);
            else if (event.event === 'end') event.bestNatsPerToken.toFixed(2);
          }
          for await (const { text } of sample('run', { topK: 3, stop: ['.'] })) text.trim();
          try {
            return (await evaluate('run', { text: ['b.txt'] })).perplexity;
          } catch (error) {
            if (error instanceof UserError) console.log(error.hint);
            throw error;
          }
        }
        export const kind = (event: TrainEvent): 'start' | 'step' | undefined =>
          event.event === 'start' || event.event === 'step' ? event.event : undefined;
      `;
      // Each line is wrong in its own way.
      const bad = `
        import { evaluate, sample, train } from 'gru-lm';
        train('a.txt', { hiden: 8 });
        train('a.txt', { cell: 'grue' });
        train('a.txt', { json: true });
        sample(3);
        evaluate('run').then(({ perplexity }) => perplexity.toFixed(2));
      `;
      await writeFile(join(home, 'good.mts'), good);
      await writeFile(join(home, 'bad.mts'), bad);
      const flags = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext'];
      const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const both = ['good.mts', 'bad.mts'];
      const { stdout } = await run(process.execPath, [tsc, ...both, ...flags, ...types], home);
      expect(stdout.match(/^[\w./-]+\(\d+/gm)).toEqual(
        [3, 4, 5, 6, 7].map((line) => `bad.mts(${line}`),
      );
    });

    it('gives nothing else by name', async () => {
      const script = "import('gru-lm').then((all) => console.log(Object.keys(all).sort().join()))";
      expect(await runWell(process.execPath, ['-e', script], home)).toBe(
        'UserError,evaluate,sample,train\n',
      );
      const inner = await run(process.execPath, ['-e', "import('gru-lm/dist/cli.js')"], home);
      expect(inner.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
    });
  });

  describe('on a machine without a compiler', () => {
    const machine = () => ({
      PATH: join(scratch, 'no-programs'),
      CXX: '',
      GRU_LM_CACHE: join(scratch, 'cache'),
      GRU_LM_OFFLINE: '1',
      GRU_LM_TENSORFLOW: '',
    });
    const gruLm = (args: string[], env = {}) =>
      run(process.execPath, ['node_modules/gru-lm/bin/gru-lm.js', ...args], home, {
        ...machine(),
        ...env,
      });
    const train = (out: string) => {
      const size = ['--embedding', '8', '--hidden', '8', '--layers', '1', '--max-steps', '2'];
      return ['train', 'short.txt', ...size, '--backend', 'cpu', '--out', out, '--json'];
    };

    // What was fetched is there, and nothing that was compiled.
    beforeAll(async () => {
      const { cacheDirectory } = createContext();
      const runtime = join(scratch, 'cache', 'runtime');
      await mkdir(runtime, { recursive: true });
      for (const name of await readdir(cacheDirectory)) {
        if (!/^(tensorflow|onednn)-/.test(name)) continue;
        await symlink(join(cacheDirectory, name), join(runtime, name));
      }
      await writeFile(
        join(home, 'short.txt'),
        'the quick brown fox jumps over the dog\n'.repeat(99),
      );
    });

    it.runIf(hasPrebuilds)('fails without what is prebuilt', async () => {
      const { code, stderr } = await gruLm(train('none'), { GRU_LM_PREBUILT: '0' });
      expect(code).toBe(1);
      expect(stderr).toContain('must be built by a C++ compiler');
    });

    it.runIf(hasPrebuilds)('trains on TensorFlow by what came with it', async () => {
      const { code, stdout, stderr } = await gruLm(train('prebuilt'));
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      expect(stderr).not.toContain('compiling');
      expect(stderr).not.toContain('Without');
      const events = parseLines(stdout);
      expect(events[0]).toMatchObject({ event: 'start', backend: 'cpu' });
      expect(events.at(-1)).toMatchObject({ event: 'end', step: 2 });
      const made = await readdir(join(scratch, 'cache', 'runtime'));
      const addons = made.filter((name) => /^(binding|operations)-\w+$/.test(name));
      expect(addons).toHaveLength(2);
    });

    it.runIf(hasPrebuilds)('says by doctor and setup what it runs on', async () => {
      const doctor = (await gruLm(['doctor'])).stdout;
      expect(doctor).toMatch(/^cpu +works .*, by the prebuilt binding$/m);
      expect(doctor).toMatch(/^ +native operations: oneDNN 3\.2\.0, .*, prebuilt for x86-64-v\d/m);
      expect((await gruLm(['setup'])).stdout).toMatch(/^the native operations are there: /m);
    });
  });

  it('says so if it was packed without being built', async () => {
    const place = join(scratch, 'unbuilt');
    await cp(join(home, 'node_modules', 'gru-lm', 'bin'), join(place, 'bin'), { recursive: true });
    await cp(join(root, 'package.json'), join(place, 'package.json'));
    const { code, stderr } = await run(process.execPath, ['bin/gru-lm.js', '--version'], place);
    expect(code).toBe(1);
    expect(stderr).toContain('this copy of gru-lm lacks dist/: it was packed without being built.');
  });

  describe.each(supportedNodes)('on Node.js %i', (major) => {
    let node: string;
    beforeAll(async () => {
      node = await nodeOf(major);
      expect(await runWell(node, ['--version'], home)).toMatch(`v${major}.`);
    }, 120_000);

    const gruLm = (args: string[]) =>
      runWell(node, [join('node_modules', 'gru-lm', 'bin', 'gru-lm.js'), ...args], home);

    it.each(['wasm', 'cpu'])('trains, samples, evaluates and describes on %s', async (backend) => {
      const out = `run-${major}-${backend}`;
      const text = join(root, 'corpora', 'tinyshakespeare.txt');
      const size = ['--embedding', '8', '--hidden', '8', '--layers', '1'];
      const budget = ['--max-steps', '3', '--batch-size', '4', '--bptt', '8'];
      const split = ['--valid-split', '0.001', '--test-split', '0'];
      const events = parseLines(
        await gruLm(
          ['train', text, ...size, ...budget, ...split, '--backend', backend].concat([
            ...['--out', out, '--json'],
          ]),
        ),
      );
      expect(events.at(0)).toMatchObject({ event: 'start' });
      expect(events.at(-1)).toMatchObject({ event: 'end', step: 3 });

      const sample = ['sample', out, '--length', '12', '--seed', '1', '--backend', backend];
      const [made] = parseLines(await gruLm([...sample, '--json']));
      expect(made).toMatchObject({ tokens: 12, seed: 1 });

      const site = `site-${out}`;
      await gruLm(['export', out, '--format', 'tfjs', '--out', site]);
      const library = [...Object.values(LIBRARY).flat(), 'LICENSE'];
      expect((await readdir(join(home, site, 'tfjs'))).sort()).toEqual(library.sort());
      expect(await readdir(join(home, site, 'gru-lm'))).toContain('gru-lm.js');

      const [figures] = parseLines(await gruLm(['eval', out, '--backend', backend, '--json']));
      expect(figures!.natsPerToken).toBeGreaterThan(3);
      expect(figures!.natsPerToken).toBeLessThan(5);
      expect(await gruLm(['info', out])).toContain('embedding.weight');

      const html = `page-${out}.html`;
      await gruLm(['inspect', out, '--prompt', 'To be', '--backend', backend, '--html', html]);
      expect(await readFile(join(home, html), 'utf8')).toContain('Content-Security-Policy');
    });

    it('finds its backends and the native operations', async () => {
      const found = await gruLm(['doctor']);
      expect(found).toMatch(/^wasm +works/m);
      if (process.platform === 'linux' && process.arch === 'x64') {
        expect(found).toMatch(/^cpu +works.*\n +native operations: oneDNN 3\.2\.0/m);
      }
    });
  });
});

/** Compiles the addons for the best level of this machine, once for the same sources. */
async function prebuildForThisMachine(directory: string): Promise<void> {
  const only = levelsOf(readHost().processor).slice(0, 1);
  const key = [(await prebuildSources()).slice(0, 16), ...only.map(({ name }) => name)].join('-');
  const kept = join(root, 'node_modules', '.cache', 'gru-lm', `prebuilds-${key}`);
  if (!existsSync(kept)) {
    await prebuild(`${kept}.new`, { only });
    await rename(`${kept}.new`, kept);
  }
  await cp(kept, directory, { recursive: true });
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function readManifest(directory: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;
}

/** The directories of all packages under a node_modules, however deep. */
async function installedPackages(nodeModules: string): Promise<string[]> {
  const entries = await readdir(nodeModules, { recursive: true });
  return entries
    .filter((path) => /(^|\/node_modules\/)(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path))
    .map((path) => join(nodeModules, path, '..'));
}
