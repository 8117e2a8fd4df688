import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.ts';
import type { TensorflowBinding } from './binding-types.ts';
import { createContext, type RuntimeContext } from './context.ts';
import type { OnRuntimeEvent } from './events.ts';
import type { Device } from './locate.ts';
import { type BuiltBinding, ensureProbed } from './probe.ts';
import { findProvisioned, missingCudaBuild, provision } from './provision.ts';
import { withoutStderr } from './stderr-gate.ts';
import { loadBackendClass, locateTfjsNode, type TensorflowBackend } from './tfjs-node.ts';

export type { TensorflowBinding } from './binding-types.ts';
export type { RuntimeEvent } from './events.ts';
export { examineBackends } from './examine.ts';
export { type SetupPlan, setUpRuntime } from './setup.ts';

/** What can run a model. */
export type BackendName = 'cuda' | 'cpu' | 'wasm';

/** Why a backend cannot be used here, and what would change that. */
export interface Refusal {
  backend: BackendName;
  reason: string;
  mend: string;
}

/** The backend that TF.js now runs on. */
export interface SelectedBackend {
  name: BackendName;
  tfjsName: 'tensorflow' | 'wasm';
  /** For people: `TensorFlow 2.21.0, CPU, 2 threads`. */
  description: string;
  /** The better backends that were tried before it. */
  refusals: Refusal[];
}

/** Settings of `selectBackend`. */
export interface SelectOptions {
  threads?: number;
  onEvent?: OnRuntimeEvent;
  signal?: AbortSignal;
}

interface LoadedTensorflow {
  device: Device;
  binding: TensorflowBinding;
  description: string;
}

const ladder: readonly BackendName[] = ['cuda', 'cpu', 'wasm'];
let loadedTensorflow: LoadedTensorflow | undefined;

/**
 * Makes TF.js run on the requested backend, setting it up first where that is needed.
 *
 * `auto` takes the best one that works (cuda, cpu, wasm) and tells why the better ones did not; a
 * backend asked for by name that cannot run is a `UserError`.
 */
export async function selectBackend(
  request: BackendName | 'auto',
  options: SelectOptions = {},
): Promise<SelectedBackend> {
  const { threads, ...listeners } = options;
  const context = createContext(listeners);
  const refusals: Refusal[] = [];
  for (const name of request === 'auto' ? ladder : [request]) {
    try {
      const description =
        name === 'wasm'
          ? await activateWasm()
          : await activateTensorflow(name, threads ?? availableParallelism(), context);
      return { name, tfjsName: name === 'wasm' ? 'wasm' : 'tensorflow', description, refusals };
    } catch (error) {
      context.signal?.throwIfAborted();
      if (request !== 'auto' || name === 'wasm') throw error;
      refusals.push(refusalOf(name, error));
    }
  }
  throw new Error('no backend is left to try');
}

/** The raw addon of the backend `tensorflow`, which TF.js must be running on. */
export function nativeBinding(): TensorflowBinding {
  if (loadedTensorflow === undefined || tf.getBackend() !== 'tensorflow') {
    throw new Error(
      `the backend should be tensorflow; it is ${tf.getBackend() || 'not chosen yet'}`,
    );
  }
  return loadedTensorflow.binding;
}

/** Why a backend failed, as a refusal; what is neither the user's nor the machine's is thrown on. */
export function refusalOf(backend: BackendName, error: unknown): Refusal {
  if (error instanceof UserError) {
    return { backend, reason: error.message, mend: error.hint ?? 'Run gru-lm doctor.' };
  }
  if (error instanceof Error && 'syscall' in error) {
    return { backend, reason: error.message, mend: 'Mend that, then run gru-lm setup.' };
  }
  throw error;
}

/** Throws a `UserError` unless an NVIDIA driver is there. */
export function requireNvidiaDriver(context: RuntimeContext): void {
  if (context.host.nvidiaDriver !== undefined) return;
  throw new UserError(
    'runtime-cuda',
    'The cuda backend needs an NVIDIA driver; none is loaded on this machine.',
    'Install the driver of the NVIDIA GPU, or use --backend cpu.',
  );
}

async function activateTensorflow(
  device: Device,
  threads: number,
  context: RuntimeContext,
): Promise<string> {
  if (loadedTensorflow === undefined) {
    loadedTensorflow = await loadTensorflow(device, threads, context);
  } else if (loadedTensorflow.device !== device) {
    throw new UserError(
      'runtime-loaded',
      `TensorFlow already runs in this process for ${loadedTensorflow.device}; it cannot also run for ${device}.`,
      'Use one of the two in a process.',
    );
  }
  await tf.setBackend('tensorflow');
  await tf.ready();
  return loadedTensorflow.description;
}

async function loadTensorflow(
  device: Device,
  threads: number,
  context: RuntimeContext,
): Promise<LoadedTensorflow> {
  if (device === 'cuda') requireNvidiaDriver(context);
  const built = (await findProvisioned(context, device)) ?? (await provision(context, device));
  const probed = await ensureProbed(built, device, context);
  if (device === 'cuda' && !probed.isUsingGpuDevice) throw missingGpu();
  const binding = loadBinding(built, device, threads);
  const BackendClass = loadBackendClass();
  const backend: TensorflowBackend = new BackendClass(binding, 'gru-lm');
  tf.registerBackend('tensorflow', () => backend, 3);
  const place =
    device === 'cuda' ? 'CUDA' : `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return { device, binding, description: `TensorFlow ${binding.TF_Version}, ${place}` };
}

/** Loads the addon into this process; the settings are those that TensorFlow reads while it loads. */
function loadBinding(built: BuiltBinding, device: Device, threads: number): TensorflowBinding {
  const { env } = process;
  const load = () => createRequire(import.meta.url)(built.bindingPath) as TensorflowBinding;
  if (device === 'cpu') env['CUDA_VISIBLE_DEVICES'] = '-1';
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS']) {
    env[name] = String(threads);
  }
  // Whoever sets the level wants to see the log.
  if (env['TF_CPP_MIN_LOG_LEVEL'] !== undefined) return load();
  env['TF_CPP_MIN_LOG_LEVEL'] = '3';
  return withoutStderr(built.stderrGatePath, load);
}

async function activateWasm(): Promise<string> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const listeners = snapshotFailureListeners();
  setWasmPaths(locateTfjsNode().wasmDirectory);
  const isReady = await tf.setBackend('wasm');
  await tf.ready();
  listeners.restore();
  if (!isReady) {
    throw new UserError(
      'runtime-wasm',
      'The wasm backend could not be started.',
      'Reinstall gru-lm; if it stays so, run gru-lm doctor.',
    );
  }
  return 'WebAssembly, 1 thread';
}

/** The WebAssembly module listens for every uncaught failure of the process; that is not its part. */
function snapshotFailureListeners(): { restore: () => void } {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as 'exit')));
  return {
    restore() {
      for (const [i, event] of events.entries()) {
        for (const listener of process.listeners(event as 'exit')) {
          if (!before[i]?.has(listener)) process.removeListener(event, listener);
        }
      }
    },
  };
}

function missingGpu(): UserError {
  return new UserError(
    'runtime-cuda',
    'The cuda backend needs a GPU that TensorFlow can use; TensorFlow found none.',
    'See what nvidia-smi says, and that CUDA_VISIBLE_DEVICES does not hide the GPU; or use --backend cpu.',
  );
}
