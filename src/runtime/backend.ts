import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.ts';
import type { NativeOperations, TensorflowBinding } from './binding-types.ts';
import { createContext, type RuntimeContext } from './context.ts';
import type { GpuSettings } from './cuda-environment.ts';
import type { OnRuntimeEvent } from './events.ts';
import { type LoadedTensorflow, loadTensorflow, startWasm } from './load.ts';
import type { Device } from './locate.ts';
import { type BackendName, type Reason, type Refusal, refusalOf } from './refusal.ts';

export type { NativeOperations, TensorflowBinding } from './binding-types.ts';
export type { DeviceCheck } from './cuda-checks.ts';
export type { RuntimeEvent } from './events.ts';
export { examineBackends, summarizeOperations } from './examine.ts';
export type { BackendName, Reason, Refusal } from './refusal.ts';
export { type NvidiaPlan, type PlannedWheel, type SetupPlan, setUpRuntime } from './setup.ts';

/** The backend that TF.js now runs on. */
export interface SelectedBackend {
  name: BackendName;
  tfjsName: 'tensorflow' | 'wasm';
  /** For people: `TensorFlow 2.21.0 with oneDNN 3.2.0, CPU, 2 threads`. */
  description: string;
  /** The better backends that were tried before it. */
  refusals: Refusal[];
  /** Only where they are loaded: on cpu, if they could be had. */
  nativeOperations?: NativeOperations;
  /** Why they could not be had, where they were wanted. */
  nativeRefusal?: Reason;
}

/** Settings of `selectBackend`. */
export interface SelectOptions {
  threads?: number | undefined;
  /** How a GPU is used, if one is. */
  gpu?: GpuSettings | undefined;
  onEvent?: OnRuntimeEvent | undefined;
  signal?: AbortSignal | undefined;
}

const ladder: readonly BackendName[] = ['cuda', 'cpu', 'wasm'];
let loaded: LoadedTensorflow | undefined;

/**
 * Makes TF.js run on the requested backend, setting it up first where that is needed.
 *
 * `auto` takes the best one that works (cuda, cpu, wasm) and tells why the better ones did not; a
 * backend asked for by name that cannot run is a `UserError`.
 */
export async function selectBackend(
  request: BackendName | 'auto',
  { threads = availableParallelism(), gpu, onEvent, signal }: SelectOptions = {},
): Promise<SelectedBackend> {
  const context = createContext({ onEvent, signal });
  const refusals: Refusal[] = [];
  for (const name of request === 'auto' ? ladder : [request]) {
    try {
      if (name === 'wasm') {
        return { name, tfjsName: 'wasm', description: await activateWasm(), refusals };
      }
      const { description, nativeOperations, nativeRefusal } = await activateTensorflow(
        name,
        threads,
        context,
        gpu,
      );
      return {
        name,
        tfjsName: 'tensorflow',
        description,
        refusals,
        ...(nativeOperations && { nativeOperations }),
        ...(nativeRefusal && { nativeRefusal }),
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (request !== 'auto' || name === 'wasm') throw error;
      refusals.push(refusalOf(name, error));
    }
  }
  throw new Error('the ladder of backends has no end');
}

/** The raw addon of the backend `tensorflow`, which TF.js must be running on. */
export function nativeBinding(): TensorflowBinding {
  if (loaded === undefined || tf.getBackend() !== 'tensorflow') {
    throw new Error(`the backend should be tensorflow; it is ${tf.getBackend() || 'not chosen'}`);
  }
  return loaded.binding;
}

async function activateTensorflow(
  device: Device,
  threads: number,
  context: RuntimeContext,
  gpu: GpuSettings | undefined,
): Promise<LoadedTensorflow> {
  loaded ??= await loadTensorflow(device, threads, context, gpu);
  if (loaded.device !== device) {
    throw new UserError(
      'runtime-loaded',
      `TensorFlow already runs in this process on ${loaded.device}; it cannot also run on ${device}.`,
      'Use one of the two in a process.',
    );
  }
  await tf.setBackend('tensorflow');
  await tf.ready();
  return loaded;
}

async function activateWasm(): Promise<string> {
  if (await startWasm()) return 'WebAssembly, 1 thread';
  throw new UserError(
    'runtime-wasm',
    'The wasm backend should start on any machine; it did not start.',
    'Reinstall gru-lm, then run gru-lm doctor.',
  );
}
