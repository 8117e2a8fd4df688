/**
 * What the published package runs: the command line and the library as plain JavaScript, tfjs-node's parts,
 * without the package around them, the sources of the native operations, and what commands write for browsers.
 */
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { LIBRARY } from '../src/export/tfjs/site-files.ts';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../', import.meta.url));
/** Directories of pages in src/, which lie in the distribution by their last name. */
const PAGES = [
  'inspection/inspection-page',
  'export/tfjs/browser',
  'serving/playground-page',
  'report/report-page',
];
const tfjsNode = dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));

/** Builds it all anew in the directory `dist`. */
export async function buildDistribution(dist: string): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  await Promise.all([
    buildPrograms(dist),
    buildBackend(dist),
    copyBinding(dist),
    copyOperations(dist),
    copyLibrary(dist),
    ...PAGES.map((page) => copyPage(page, dist)),
  ]);
}

/** As published code is read in stack traces and by the curious, nothing is minified. */
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  logOverride: { 'commonjs-variable-in-esm': 'silent' },
} satisfies BuildOptions;

/**
 * The command line, and the library that calls the same commands. Each command is a chunk of its own,
 * loaded when it is run. All chunks lie in `dist` itself: modules look for `./tfjs-node/`, `./native/`,
 * `./tfjs/` and the pages beside themselves.
 */
async function buildPrograms(dist: string): Promise<void> {
  await build({
    ...common,
    entryPoints: { cli: 'src/cli.ts', index: 'src/library/index.ts' },
    format: 'esm',
    splitting: true,
    packages: 'external',
    outdir: dist,
    chunkNames: '[name]-[hash]',
    plugins: [tensorflowByRequire],
  });
}

/**
 * Has TF.js come by `require`: to import its CommonJS, Node.js first searches a megabyte for the names
 * that it exports, which takes longer than to run it. Here they are written down.
 */
const tensorflowByRequire: Plugin = {
  name: 'TF.js by require',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^@tensorflow\/tfjs-(core|backend-wasm)$/ }, ({ path }) => ({
      path,
      namespace: 'by-require',
    }));
    onLoad({ filter: /.*/, namespace: 'by-require' }, ({ path }) => ({
      contents: `
        import { createRequire } from 'node:module';
        export const { ${Object.keys(require(path) as object).join(', ')} } =
          createRequire(import.meta.url)('${path}');
      `,
    }));
  },
};

/**
 * tfjs-node's backend and kernels in one module. It shares the tfjs-core that gru-lm depends on,
 * where tfjs-node itself asks for the whole of TF.js.
 */
async function buildBackend(dist: string): Promise<void> {
  await build({
    ...common,
    stdin: {
      contents: [
        `exports.NodeJSKernelBackend = require('./nodejs_kernel_backend').NodeJSKernelBackend;`,
        `require('./register_all_kernels');`,
      ].join('\n'),
      resolveDir: join(tfjsNode, 'dist'),
      sourcefile: 'backend.js',
    },
    format: 'cjs',
    alias: { '@tensorflow/tfjs': '@tensorflow/tfjs-core' },
    external: ['@tensorflow/tfjs-core'],
    plugins: [withRemovedUtilFunctions],
    outfile: join(dist, 'tfjs-node', 'backend.cjs'),
  });
}

/** tfjs-node calls two functions of `util` that Node 22 warns about and Node 23 no longer has. */
const withRemovedUtilFunctions: Plugin = {
  name: 'removed util functions',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^util$/ }, () => ({ path: 'util', namespace: 'removed-functions' }));
    onLoad({ filter: /.*/, namespace: 'removed-functions' }, () => ({
      contents: `
        exports.isArray = Array.isArray;
        exports.isNullOrUndefined = (value) => value === null || value === undefined;
      `,
    }));
  },
};

/** The binding's sources, which a machine compiles for itself, and the licences of what is copied. */
async function copyBinding(dist: string): Promise<void> {
  const directory = join(dist, 'tfjs-node');
  // It comes with tfjs-node.
  const protobuf = dirname(
    createRequire(join(tfjsNode, 'package.json')).resolve('google-protobuf'),
  );
  const copies = [
    [join(tfjsNode, 'binding'), 'binding'],
    [join(root, 'LICENSE'), 'LICENSE'],
    [join(protobuf, 'LICENSE.md'), 'LICENSE-google-protobuf.md'],
    [join(protobuf, 'LICENSE-asserts.md'), 'LICENSE-google-protobuf-asserts.md'],
  ] as const;
  await mkdir(directory, { recursive: true });
  for (const [from, to] of copies) await cp(from, join(directory, to), { recursive: true });
}

/** What a page is made of, as it is in the sources. */
async function copyPage(page: string, dist: string): Promise<void> {
  const source = join(root, 'src', page);
  const directory = join(dist, basename(page));
  for (const name of await readdir(source, { recursive: true })) {
    if (/\.(html|css|js)$/.test(name)) await cp(join(source, name), join(directory, name));
  }
}

/** Of TensorFlow.js for browsers, the file that no package in `dependencies` has. */
async function copyLibrary(dist: string): Promise<void> {
  const directory = join(dist, 'tfjs');
  const converter = dirname(require.resolve('@tensorflow/tfjs-converter/package.json'));
  for (const file of LIBRARY['@tensorflow/tfjs-converter']) {
    await cp(join(converter, 'dist', file), join(directory, file));
  }
  await cp(join(root, 'LICENSE'), join(directory, 'LICENSE'));
}

/** The sources of the native operations, without their tests. */
async function copyOperations(dist: string): Promise<void> {
  const directory = join(dist, 'native');
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(join(root, 'native'))) {
    if (/\.(cc|h)$/.test(name)) await cp(join(root, 'native', name), join(directory, name));
  }
}
