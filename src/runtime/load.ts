import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import type { TensorflowBinding } from './binding-types.ts';
import type { RuntimeContext } from './context.ts';
import { missingGpu, requireNvidiaDriver } from './cuda.ts';
import type { Device } from './locate.ts';
import { type BuiltBinding, ensureProbed } from './probe.ts';
import { provision } from './provision.ts';
import { withoutStderr } from './stderr-gate.ts';
import { loadBackendClass, locateTfjsNode } from './tfjs-node.ts';

/** The TensorFlow that runs in this process; there can be only one. */
export interface LoadedTensorflow {
  device: Device;
  binding: TensorflowBinding;
  description: string;
}

/** Sets TensorFlow up where needed, loads it, and registers it as the backend `tensorflow`. */
export async function loadTensorflow(
  device: Device,
  threads: number,
  context: RuntimeContext,
): Promise<LoadedTensorflow> {
  if (device === 'cuda') requireNvidiaDriver(context);
  const built = await provision(context, device);
  const probed = await ensureProbed(built, device, context);
  if (device === 'cuda' && !probed.isUsingGpuDevice) throw missingGpu();
  const binding = loadBinding(built, device, threads);
  const Backend = loadBackendClass();
  const backend = new Backend(binding, 'gru-lm');
  tf.registerBackend('tensorflow', () => backend, 3);
  const place =
    device === 'cuda' ? 'CUDA' : `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return { device, binding, description: `TensorFlow ${binding.TF_Version}, ${place}` };
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
