/**
 * What comes with a model for a browser: the module that makes text with it, the demo page, and TensorFlow.js as
 * its packages bring it for browsers.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExportedFile } from '../exporter.ts';

// The backend of WebAssembly brings that of plain JavaScript.
const require = createRequire(
  createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'),
);

/** The scripts and the WebAssembly of TensorFlow.js that the demo page loads, by their packages. */
export const LIBRARY = {
  '@tensorflow/tfjs-core': ['tf-core.es2017.min.js'],
  '@tensorflow/tfjs-converter': ['tf-converter.es2017.min.js'],
  '@tensorflow/tfjs-backend-wasm': ['tf-backend-wasm.es2017.min.js', 'tfjs-backend-wasm-simd.wasm'],
  '@tensorflow/tfjs-backend-cpu': ['tf-backend-cpu.es2017.min.js'],
} as const;

/** The files, by where they go in an export. */
export async function siteFiles(): Promise<ExportedFile[]> {
  const files = [...(await pageFiles()), ...(await libraryFiles())];
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The module and the page, which are exported as they are in `browser/`. */
async function pageFiles(): Promise<ExportedFile[]> {
  const directory = fileURLToPath(new URL('./browser/', import.meta.url));
  const names = (await readdir(directory, { recursive: true })).filter(isPageFile);
  return Promise.all(
    names.map(async (name) => ({
      name: name.replaceAll(sep, '/'),
      content: await readFile(join(directory, name)),
    })),
  );
}

/** Whether a file of `browser/` is one of those that are exported. */
function isPageFile(name: string): boolean {
  return /\.(html|css|js)$/.test(name);
}

async function libraryFiles(): Promise<ExportedFile[]> {
  const paths = Object.entries(LIBRARY).flatMap(([name, files]) =>
    files.map((file): [name: string, path: string] => [file, libraryFile(name, file)]),
  );
  // All of it is under the licence that gru-lm is under as well.
  paths.push(['LICENSE', carriedFile('LICENSE') ?? fileURLToPath(LICENCE)]);
  return Promise.all(
    paths.map(async ([name, path]) => ({ name: `tfjs/${name}`, content: await readFile(path) })),
  );
}

const LICENCE = new URL('../../../LICENSE', import.meta.url);

function libraryFile(packageName: string, file: string): string {
  const manifest = () => require.resolve(`${packageName}/package.json`);
  return carriedFile(file) ?? join(dirname(manifest()), 'dist', file);
}

/** Beside this module in the published package, which lacks one of the packages. */
function carriedFile(file: string): string | undefined {
  const path = fileURLToPath(new URL(`./tfjs/${file}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
