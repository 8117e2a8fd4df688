import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { errorMessage } from '../errors.ts';
import type { NativeOperations, TensorflowBinding } from './binding-types.ts';
import type { RuntimeContext } from './context.ts';
import { requireNvidiaDriver } from './cuda.ts';
import { cudaEnvironment, type GpuSettings } from './cuda-environment.ts';
import { keepScalars } from './kept-scalars.ts';
import type { Device } from './locate.ts';
import type { BuiltOperations } from './operations.ts';
import type { BuiltBinding } from './probe.ts';
import { makeReady } from './ready.ts';
import type { Reason } from './refusal.ts';
import { withoutStderr } from './stderr-gate.ts';
import { loadBackendClass, locateTfjsNode, type TensorflowBackend } from './tfjs-node.ts';

/** The TensorFlow that runs in this process; there can be only one. */
export interface LoadedTensorflow {
  device: Device;
  binding: TensorflowBinding;
  description: string;
  /** Undefined where they are not loaded. */
  nativeOperations: NativeOperations | undefined;
  /** Why they are not, if they were wanted. */
  nativeRefusal: Reason | undefined;
}

/**
 * How often a waiting thread of libgomp, on which oneDNN runs, looks for work before it sleeps. Its
 * own default is to look for milliseconds, which takes the processors away from TensorFlow's threads
 * between one product and the next.
 */
const ompSpinCount = '3000';

/** Sets TensorFlow up where needed, loads it, and registers it as the backend `tensorflow`. */
export async function loadTensorflow(
  device: Device,
  threads: number,
  parent: RuntimeContext,
  gpuSettings: GpuSettings = {},
): Promise<LoadedTensorflow> {
  let settings: Record<string, string> = {};
  if (device === 'cuda') {
    requireNvidiaDriver(parent);
    settings = await cudaEnvironment(parent, gpuSettings);
  }
  // What is tried out is what is loaded then.
  const context = device === 'cpu' ? parent : { ...parent, env: { ...parent.env, ...settings } };
  const { binding: built, operations: provided, gpu } = await makeReady(context, device);
  Object.assign(process.env, settings);
  const binding = loadBinding(built, device, threads);
  const Backend = loadBackendClass();
  const backend = new Backend(device === 'cuda' ? keepScalars(binding) : binding, 'gru-lm');
  const refusal = provided.built ? addOperations(backend, provided.built) : provided.refusal;
  tf.registerBackend('tensorflow', () => backend, 3);
  const place =
    device === 'cuda'
      ? ['CUDA', gpu?.name, gpuSettings.tf32 && 'TF32'].filter(Boolean).join(', ')
      : `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  const { nativeOperations } = backend;
  const companion = nativeOperations ? ` with oneDNN ${nativeOperations.oneDnnVersion}` : '';
  return {
    device,
    binding,
    description: `TensorFlow ${binding.TF_Version}${companion}, ${place}`,
    nativeOperations,
    nativeRefusal: refusal,
  };
}

/** Registers the native operations with the TensorFlow under the backend; or says why they will not. */
function addOperations(backend: TensorflowBackend, built: BuiltOperations): Reason | undefined {
  try {
    backend.nativeOperations = createRequire(import.meta.url)(built.addonPath) as NativeOperations;
    return undefined;
  } catch (error) {
    return {
      reason: `The native operations do not load: ${errorMessage(error)}.`,
      mend: 'Try gru-lm setup --force.',
    };
  }
}

/** Starts TF.js's WebAssembly backend, whose files come with its package. */
export async function startWasm(): Promise<boolean> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const restoreListeners = snapshotFailureListeners();
  try {
    setWasmPaths(locateTfjsNode().wasmDirectory);
    return await tf.setBackend('wasm');
  } finally {
    restoreListeners();
  }
}

/** Loads the addon into this process; the settings are those that TensorFlow reads as it starts. */
function loadBinding(built: BuiltBinding, device: Device, threads: number): TensorflowBinding {
  const { env } = process;
  const load = () => createRequire(import.meta.url)(built.bindingPath) as TensorflowBinding;
  if (device === 'cpu') env.CUDA_VISIBLE_DEVICES = '-1';
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS']) {
    env[name] = String(threads);
  }
  if (env.OMP_WAIT_POLICY === undefined) env.GOMP_SPINCOUNT ??= ompSpinCount;
  // Whoever sets the level wants to see the log.
  if (env.TF_CPP_MIN_LOG_LEVEL !== undefined) return load();
  env.TF_CPP_MIN_LOG_LEVEL = '3';
  return withoutStderr(built.stderrGatePath, load);
}

/** The WebAssembly module listens for every uncaught failure of the process; that is not its part. */
function snapshotFailureListeners(): () => void {
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = events.map((event) => new Set<unknown>(process.listeners(event as 'exit')));
  return () => {
    for (const [i, event] of events.entries()) {
      for (const listener of process.listeners(event as 'exit')) {
        if (!before[i]?.has(listener)) process.removeListener(event, listener);
      }
    }
  };
}
