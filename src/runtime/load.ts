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
import { setVariables, withoutStderr } from './stderr-gate.ts';
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
  // NVIDIA's libraries read some of theirs as late as they are first used.
  setVariables(built.stderrGatePath, settings);
  // In a worker these are two: what asks for them later asks the copy.
  Object.assign(process.env, settings);
  const putBack = setVariables(built.stderrGatePath, startVariables(device, threads));
  let binding: TensorflowBinding;
  let backend: TensorflowBackend;
  let refusal: Reason | undefined;
  try {
    binding = loadBinding(built);
    const Backend = loadBackendClass();
    backend = new Backend(device === 'cuda' ? keepScalars(binding) : binding, 'gru-lm');
    refusal = provided.built ? addOperations(backend, provided.built) : provided.refusal;
  } finally {
    putBack();
  }
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

/**
 * What TensorFlow and libgomp read once, as they are loaded. They are no business of the program whose process
 * this is, nor of what that starts, and are put back when they have been read.
 */
function startVariables(device: Device, threads: number): Record<string, string> {
  const { GOMP_SPINCOUNT, OMP_WAIT_POLICY } = process.env;
  const isSpinUnset = GOMP_SPINCOUNT === undefined && OMP_WAIT_POLICY === undefined;
  return {
    ...(device === 'cpu' && { CUDA_VISIBLE_DEVICES: '-1' }),
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    ...(isSpinUnset && { GOMP_SPINCOUNT: ompSpinCount }),
  };
}

/** Loads the addon into this process. */
function loadBinding({ bindingPath, stderrGatePath }: BuiltBinding): TensorflowBinding {
  const load = () => createRequire(import.meta.url)(bindingPath) as TensorflowBinding;
  // Whoever sets the level wants to see the log.
  if (process.env.TF_CPP_MIN_LOG_LEVEL !== undefined) return load();
  // It is read with a library's first line, which may come later.
  setVariables(stderrGatePath, { TF_CPP_MIN_LOG_LEVEL: '3' });
  return withoutStderr(stderrGatePath, load);
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
