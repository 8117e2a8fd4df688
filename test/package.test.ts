/** What `npm pack` makes, installed as a user would, under each Node.js that is supported. */
import { existsSync, readFileSync } from 'node:fs';
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkFetchedLibraries } from '../scripts/fetched-libraries.ts';
import { compiler } from '../scripts/library-types.ts';
import { collectPrebuilds } from '../scripts/prebuilds.ts';
import { nodeOf, supportedNodes } from '../scripts/supported-nodes.ts';
import { LIBRARY } from '../src/export/tfjs/site-files.ts';
import { createContext } from '../src/runtime/context.ts';
import { readHost } from '../src/runtime/host.ts';
import { levelsOf } from '../src/runtime/levels.ts';
import { makeReady } from '../src/runtime/ready.ts';
import { copyCheckout, ROOT, readManifest, run, runWell } from './support/checkout.ts';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** Where addons can be prebuilt: TensorFlow is set up, and the processor has one of the levels. */
const hasPrebuilds =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  process.env.GRU_LM_OFFLINE !== '1' &&
  levelsOf(readHost().processor).length > 0;

/** All that is packed: a file that fits none of these is one that nobody needs. */
const contents = [
  /^(LICENSE|NOTICE|README\.md|package\.json)$/,
  /^bin\/gru-lm\.js$/,
  /^dist\/(cli|index)\.js$/,
  // The commands and what they share.
  /^dist\/[a-z0-9-]+-[A-Z0-9]{8}\.js$/,
  /^dist\/types\/(errors|library\/(call-options|events|index|options))\.d\.ts$/,
  // Which of them is tested below.
  /^dist\/native\/[a-z_]+\.(cc|h)$/,
  /^dist\/(inspection|playground|report)-page\/[a-z-]+\.(html|css|js)$/,
  /^dist\/browser\/(index\.html|demo\/page\.(css|js)|gru-lm\/[a-z-]+\.js)$/,
  /^dist\/tfjs\/(LICENSE|tf-converter\.es2017\.min\.js)$/,
  /^dist\/tfjs-node\/(LICENSE(-google-protobuf(-asserts)?\.md)?|backend\.cjs)$/,
  /^dist\/tfjs-node\/binding\/[a-z_]+\.(cc|h)$/,
  ...(hasPrebuilds
    ? [/^dist\/prebuilds\/linux-x64\/(manifest\.json|[a-z_]+(\.x86-64-v\d(-bf16)?)?\.node)$/]
    : []),
];

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
  await copyCheckout(checkout);
  await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
}, 120_000);

afterAll(() => rm(scratch, { recursive: true, force: true }));

/** A machine on which TensorFlow was fetched, and that has no compiler, nor any other program. */
function withoutCompiler(): NodeJS.ProcessEnv {
  return {
    PATH: join(scratch, 'no-programs'),
    CXX: '',
    GRU_LM_CACHE: join(scratch, 'cache'),
    GRU_LM_OFFLINE: '1',
    GRU_LM_TENSORFLOW: '',
  };
}

describe('the packed package', () => {
  beforeAll(async () => {
    if (hasPrebuilds) {
      await collectCompiledAddons(join(checkout, 'prebuilds'));
      await linkFetchedLibraries(join(scratch, 'cache'));
    }
    await runWell(
      'npm',
      ['pack', '--ignore-scripts=false', '--pack-destination', scratch],
      checkout,
    );
    const tarball = join(scratch, `gru-lm-${version}.tgz`);
    await runWell('npm', ['install', '--ignore-scripts=false', '--no-audit', tarball], home);
  }, 200_000);

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

  it('holds what it needs and nothing else, in few megabytes', async () => {
    const place = join(home, 'node_modules', 'gru-lm');
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(place, join(entry.parentPath, entry.name)));
    expect(paths.filter((path) => !contents.some((each) => each.test(path)))).toEqual([]);
    expect(contents.filter((each) => !paths.some((path) => each.test(path)))).toEqual([]);
    const sizes = await Promise.all(
      paths.map(async (path) => (await stat(join(place, path))).size),
    );
    expect(sizes.reduce((total, size) => total + size, 0)).toBeLessThan(5e6);
  });

  it('carries the sources of the native operations, without their tests', async () => {
    const sources = await readdir(join(ROOT, 'native'));
    const carried = await readdir(join(home, 'node_modules', 'gru-lm', 'dist', 'native'));
    expect(carried).toContain('addon.cc');
    expect(carried.sort()).toEqual(sources.filter((name) => /\.(cc|h)$/.test(name)).sort());
  });

  it.each([
    ['inspection', 'inspection-page'],
    ['serving', 'playground-page'],
    ['report', 'report-page'],
  ])('carries what the page src/%s/%s is made of', async (part, page) => {
    const sources = await readdir(join(ROOT, 'src', part, page));
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
      await cp(join(ROOT, 'examples', 'library.mjs'), join(home, 'library.mjs'));
      await writeFile(
        join(home, 'corpus.txt'),
        'the quick brown fox jumps over the dog\n'.repeat(200),
      );
      const stdout = await runWell(process.execPath, ['library.mjs', 'corpus.txt'], home);
      expect(stdout).toMatch(
        /^\d+ parameters on \w+\n(step \d0: loss [\d.]+\n){3}best: [\d.]+ nats a token\nperplexity [\d.]+\n(seed [12]: ".+"\n){2}[\s\S]*\n\d+ tokens\n$/,
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
      const target = ['--target', 'es2023', '--lib', 'es2023', '--module', 'nodenext'];
      const flags = ['--noEmit', '--strict', '--skipLibCheck', ...target];
      const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules', '@types')];
      const both = ['good.mts', 'bad.mts'];
      const { stdout } = await run(process.execPath, [compiler, ...both, ...flags, ...types], home);
      expect(stdout.match(/^[\w./-]+\(\d+/gm)).toEqual(
        [3, 4, 5, 6, 7].map((line) => `bad.mts(${line}`),
      );
    });

    it('gives nothing else by name', async () => {
      const script = "import('gru-lm').then((all) => console.log(Object.keys(all).sort().join()))";
      expect(await runWell(process.execPath, ['-e', script], home)).toBe(
        'UserError,evaluate,sample,sampleStream,train\n',
      );
      const inner = await run(process.execPath, ['-e', "import('gru-lm/dist/cli.js')"], home);
      expect(inner.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
    });
  });

  describe('on a machine without a compiler', () => {
    const gruLm = (args: string[], env = {}) =>
      run(process.execPath, ['node_modules/gru-lm/bin/gru-lm.js', ...args], home, {
        ...withoutCompiler(),
        ...env,
      });
    const train = (out: string) => {
      const size = ['--embedding', '8', '--hidden', '8', '--layers', '1', '--max-steps', '2'];
      return ['train', 'short.txt', ...size, '--backend', 'cpu', '--out', out, '--json'];
    };

    beforeAll(() =>
      writeFile(join(home, 'short.txt'), 'the quick brown fox jumps over the dog\n'.repeat(99)),
    );

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
    await cp(join(ROOT, 'package.json'), join(place, 'package.json'));
    const { code, stderr } = await run(process.execPath, ['bin/gru-lm.js', '--version'], place);
    expect(code).toBe(1);
    expect(stderr).toContain('this copy of gru-lm lacks dist/: it was packed without being built.');
  });

  describe.each(supportedNodes)('on Node.js %s', (release) => {
    let node: string;
    beforeAll(async () => {
      node = await nodeOf(release);
      expect(await runWell(node, ['--version'], home)).toMatch(`v${release}`);
    }, 120_000);

    const gruLm = (args: string[]) =>
      runWell(
        node,
        [join('node_modules', 'gru-lm', 'bin', 'gru-lm.js'), ...args],
        home,
        hasPrebuilds ? withoutCompiler() : {},
      );
    const runOf = (backend: string) => `run-${release}-${backend}`;

    it.each(['wasm', 'cpu'])('trains, samples and evaluates on %s', async (backend) => {
      const out = runOf(backend);
      const text = join(ROOT, 'corpora', 'tinyshakespeare.txt');
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

      const [figures] = parseLines(await gruLm(['eval', out, '--backend', backend, '--json']));
      expect(figures!.natsPerToken).toBeGreaterThan(3);
      expect(figures!.natsPerToken).toBeLessThan(5);
    });

    it('describes, exports and inspects what it trained', async () => {
      const out = runOf('wasm');
      expect(await gruLm(['info', out])).toContain('embedding.weight');

      const site = `site-${out}`;
      await gruLm(['export', out, '--format', 'tfjs', '--out', site]);
      const library = [...Object.values(LIBRARY).flat(), 'LICENSE'];
      expect((await readdir(join(home, site, 'tfjs'))).sort()).toEqual(library.sort());
      expect(await readdir(join(home, site, 'gru-lm'))).toContain('gru-lm.js');

      const html = `page-${out}.html`;
      await gruLm(['inspect', out, '--prompt', 'To be', '--backend', 'wasm', '--html', html]);
      expect(await readFile(join(home, html), 'utf8')).toContain('Content-Security-Policy');
    });

    it('finds its backends and the native operations', async () => {
      const found = await gruLm(['doctor']);
      expect(found).toMatch(/^wasm +works/m);
      if (hasPrebuilds) {
        expect(found).toMatch(
          /^cpu +works .*, by the prebuilt binding\n +native operations: oneDNN 3\.2\.0, .*, prebuilt for x86-64-v\d/m,
        );
      }
    });
  });
});

/**
 * Has the package bring what was compiled for this very processor, as if for its best level: the levels themselves
 * take minutes to compile, and are tried by `npm run check:package`.
 */
async function collectCompiledAddons(directory: string): Promise<void> {
  const context = createContext({ env: { ...process.env, GRU_LM_TENSORFLOW: '' } });
  const { binding, operations } = await makeReady(context, 'cpu');
  expect(operations.refusal).toBeUndefined();
  await collectPrebuilds(directory, {
    binding: binding.bindingPath,
    stderrGate: binding.stderrGatePath,
    operations: [
      {
        level: levelsOf(readHost().processor)[0]!.name,
        path: operations.built!.addonPath,
      },
    ],
    compiler: 'the one of this machine',
  });
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The directories of all packages under a node_modules, however deep. */
async function installedPackages(nodeModules: string): Promise<string[]> {
  const entries = await readdir(nodeModules, { recursive: true });
  return entries
    .filter((path) => /(^|\/node_modules\/)(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path))
    .map((path) => join(nodeModules, path, '..'));
}
