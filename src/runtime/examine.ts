import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from './cache.ts';
import { type ContextParts, createContext, isOffline, type RuntimeContext } from './context.ts';
import { missingCudaBuild, missingGpu, requireNvidiaDriver } from './cuda.ts';
import {
  cachedTensorflowDirectory,
  type Device,
  type LocatedTensorflow,
  locateTensorflow,
} from './locate.ts';
import { ensureProbed } from './probe.ts';
import { findBinding, requireFetchable } from './provision.ts';
import { type BackendName, refusalOf } from './refusal.ts';
import { locateTfjsNode } from './tfjs-node.ts';

/** What `gru-lm doctor` says of one backend. */
export interface BackendExamination {
  backend: BackendName;
  /** True if it runs as it is; false also if it has yet to be set up. */
  usable: boolean;
  detail: string;
  /** What the user can do if it is not usable. */
  mend?: string;
}

/** Looks at every backend, the best first; nothing is fetched or built, whatever is missing. */
export async function examineBackends(parts: ContextParts = {}): Promise<BackendExamination[]> {
  const context = createContext(parts);
  return [
    await examine('cuda', context, () => examineTensorflow('cuda', context)),
    await examine('cpu', context, () => examineTensorflow('cpu', context)),
    await examine('wasm', context, examineWasm),
  ];
}

type Finding = Omit<BackendExamination, 'backend'>;

async function examine(
  backend: BackendName,
  context: RuntimeContext,
  look: () => Promise<Finding>,
): Promise<BackendExamination> {
  try {
    return { backend, ...(await look()) };
  } catch (error) {
    context.signal?.throwIfAborted();
    const { reason, mend } = refusalOf(backend, error);
    return { backend, usable: false, detail: reason, mend };
  }
}

async function examineTensorflow(device: Device, context: RuntimeContext): Promise<Finding> {
  if (device === 'cuda') requireNvidiaDriver(context);
  const tensorflow = await locateTensorflow(context, device);
  if (tensorflow === undefined) {
    if (device === 'cuda') throw missingCudaBuild();
    return await examineFetch(context);
  }
  const built = await findBinding(context, tensorflow);
  if (built === undefined) {
    return {
      usable: false,
      detail: `${describe(tensorflow)}: the binding to it is not built yet`,
      mend: `Run gru-lm setup${device === 'cuda' ? ' --device cuda' : ''}, or just use the backend, which builds it.`,
    };
  }
  const probed = await ensureProbed(built, device, context);
  if (device === 'cuda' && !probed.isUsingGpuDevice) throw missingGpu();
  return { usable: true, detail: describe({ ...tensorflow, version: probed.tensorflowVersion }) };
}

async function examineFetch(context: RuntimeContext): Promise<Finding> {
  const { pin } = await requireFetchable({ ...context, env: withoutOffline(context) });
  const directory = cachedTensorflowDirectory(pin, context.cacheDirectory);
  const state = existsSync(directory)
    ? `TensorFlow ${pin.version} in ${directory} is damaged`
    : 'not set up yet';
  const offline = isOffline(context) ? 'unset GRU_LM_OFFLINE and ' : '';
  return {
    usable: false,
    detail: `${state}: gru-lm setup fetches ${formatBytes(pin.bytes)}`,
    mend: `${offline}run gru-lm setup`.replace(/^./, (first) => first.toUpperCase()).concat('.'),
  };
}

function withoutOffline({ env }: RuntimeContext): NodeJS.ProcessEnv {
  return { ...env, GRU_LM_OFFLINE: '' };
}

function describe(tensorflow: LocatedTensorflow): string {
  const origin = {
    cache: 'fetched, in',
    environment: 'named by GRU_LM_TENSORFLOW, in',
    python: 'installed for Python, in',
  }[tensorflow.source];
  return `TensorFlow ${tensorflow.version ?? ''}, ${origin} ${tensorflow.directory}`;
}

async function examineWasm(): Promise<Finding> {
  const directory = locateTfjsNode().wasmDirectory;
  return existsSync(join(directory, 'tfjs-backend-wasm-simd.wasm'))
    ? { usable: true, detail: 'WebAssembly, built in' }
    : {
        usable: false,
        detail: `the WebAssembly files should be in ${directory}; they are not`,
        mend: 'Reinstall gru-lm.',
      };
}
