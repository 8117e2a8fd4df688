import { existsSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KernelBackend } from '@tensorflow/tfjs-core';
import type { NativeOperations, TensorflowBinding } from './binding-types.ts';

const require = createRequire(import.meta.url);

/** Where tfjs-node's parts and their companions lie. */
export interface TfjsNodeFiles {
  /** One bundle in the published package; tfjs-node's own modules in a checkout. */
  layout: 'packed' | 'checkout';
  /** The module that exports `NodeJSKernelBackend`. */
  backendModule: string;
  /** Holds the binding's C++ sources. */
  bindingDirectory: string;
  /** Holds `node_api.h`. */
  nodeHeaders: string;
  /** Holds the C++ sources of the native operations. */
  operationsDirectory: string;
  /** Holds prebuilt addons, by platforms, if the package has some; a checkout compiles its own. */
  prebuiltDirectory: string | undefined;
  /** Holds the `.wasm` files of the WebAssembly backend, with a separator at its end. */
  wasmDirectory: string;
}

/** tfjs-node's backend, as far as the runtime uses it. */
export interface TensorflowBackend extends KernelBackend {
  readonly binding: TensorflowBinding;
  readonly isUsingGpuDevice: boolean;
  /** Undefined where the native operations are not loaded. */
  nativeOperations?: NativeOperations;
}

type BackendClass = new (binding: TensorflowBinding, packageName: string) => TensorflowBackend;

/** Finds the files: beside this module in the published package, else under node_modules. */
export function locateTfjsNode(): TfjsNodeFiles {
  const common = {
    nodeHeaders: (require('node-api-headers') as { include_dir: string }).include_dir,
    wasmDirectory: join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), '/'),
  };
  const packed = fileURLToPath(new URL('./tfjs-node/', import.meta.url));
  if (existsSync(join(packed, 'backend.cjs'))) {
    return {
      layout: 'packed',
      backendModule: join(packed, 'backend.cjs'),
      bindingDirectory: join(packed, 'binding'),
      operationsDirectory: fileURLToPath(new URL('./native/', import.meta.url)),
      prebuiltDirectory: fileURLToPath(new URL('./prebuilds/', import.meta.url)),
      ...common,
    };
  }
  const manifest = require.resolve('@tensorflow/tfjs-node-gpu/package.json');
  return {
    layout: 'checkout',
    backendModule: join(dirname(manifest), 'dist', 'nodejs_kernel_backend.js'),
    bindingDirectory: join(dirname(manifest), 'binding'),
    operationsDirectory: fileURLToPath(new URL('../../native/', import.meta.url)),
    prebuiltDirectory: undefined,
    ...common,
  };
}

/** Loads tfjs-node's backend class and registers its kernels, without its native addon. */
export function loadBackendClass(files: TfjsNodeFiles = locateTfjsNode()): BackendClass {
  if (files.layout === 'packed') return loadFrom(files.backendModule);
  restoreUtilFunctions();
  return withUnionReplaced(files.backendModule, () => {
    const backendClass = loadFrom(files.backendModule);
    require(join(dirname(files.backendModule), 'register_all_kernels.js'));
    return backendClass;
  });
}

function loadFrom(path: string): BackendClass {
  return (require(path) as { NodeJSKernelBackend: BackendClass }).NodeJSKernelBackend;
}

/**
 * Has `@tensorflow/tfjs`, from which tfjs-node takes everything, mean tfjs-core while `work` runs:
 * the rest of that union is not needed and slow to load.
 */
function withUnionReplaced<T>(requirer: string, work: () => T): T {
  const path = createRequire(requirer).resolve('@tensorflow/tfjs');
  const previous = require.cache[path];
  const stand = new Module(path);
  stand.filename = path;
  stand.loaded = true;
  stand.exports = require('@tensorflow/tfjs-core');
  require.cache[path] = stand;
  try {
    return work();
  } finally {
    if (previous === undefined) delete require.cache[path];
    else require.cache[path] = previous;
  }
}

/** tfjs-node calls two functions of `util` that Node 22 warns about and Node 23 no longer has. */
function restoreUtilFunctions(): void {
  const util = require('node:util') as Record<string, unknown>;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}
