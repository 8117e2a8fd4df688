import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findBinding, plannedBinding } from './binding.ts';
import type { NativeOperations } from './binding-types.ts';
import { formatBytes } from './cache.ts';
import { requireCompiler } from './compiler.ts';
import {
  type ContextParts,
  createContext,
  isNativeOff,
  isOffline,
  type RuntimeContext,
} from './context.ts';
import { missingCudaBuild, requireNvidiaDriver } from './cuda.ts';
import { checkCuda, type DeviceCheck } from './cuda-checks.ts';
import { withCudaEnvironment } from './cuda-environment.ts';
import {
  cachedTensorflowDirectory,
  type Device,
  type LocatedTensorflow,
  locateTensorflow,
} from './locate.ts';
import { missingBytes } from './onednn.ts';
import { findOperations } from './operations.ts';
import { ensureOperationsProbed } from './operations-probe.ts';
import type { BuiltBinding, ProbeResult } from './probe.ts';
import { requireFetchable } from './provision.ts';
import { requireWorking } from './ready.ts';
import { type BackendName, type Reason, reasonOf, refusalOf } from './refusal.ts';
import { locateTfjsNode } from './tfjs-node.ts';

/** What `gru-lm doctor` says of one backend. */
export interface BackendExamination {
  backend: BackendName;
  /** True if it runs as it is; false also if it has yet to be set up. */
  usable: boolean;
  detail: string;
  /** What the user can do if it is not usable. */
  mend?: string;
  /** What is to be said of the native operations of a backend that may have them. */
  nativeOperations?: Omit<BackendExamination, 'backend'>;
  /** What a GPU needs, each with what there is: only of `cuda`. */
  checks?: DeviceCheck[];
}

/** Looks at every backend, the best first; nothing is fetched or built, whatever is missing. */
export async function examineBackends(parts: ContextParts = {}): Promise<BackendExamination[]> {
  const context = createContext(parts);
  return [
    {
      ...(await examine('cuda', context, () => examineTensorflow('cuda', context))),
      checks: await checkCuda(context),
    },
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
    if (device === 'cuda') throw await missingCudaBuild(context);
    return await examineFetch(context);
  }
  const built = await findBinding(context, tensorflow);
  const { binding, failures } = await plannedBinding(context, tensorflow);
  if (built === undefined) {
    return await examineMissing(`${describe(tensorflow)}: the binding to it`, device, context, {
      isCompiled: binding.origin === 'compiled',
      failures,
    });
  }
  const tried = device === 'cuda' ? await withCudaEnvironment(context) : context;
  const probed = await requireWorking(built, device, tried);
  const prebuilt = built.origin === 'prebuilt' ? ', by the prebuilt binding' : '';
  return {
    usable: true,
    detail: `${describe({ ...tensorflow, version: probed.tensorflowVersion })}${prebuilt}${afterwards(failures)}${onGpu(probed)}`,
    ...(device === 'cpu' && { nativeOperations: await examineOperations(built, context) }),
  };
}

/** Says of the binding, which is not there yet, what making it takes. */
async function examineMissing(
  subject: string,
  device: Device,
  context: RuntimeContext,
  { isCompiled, failures }: { isCompiled: boolean; failures: readonly Reason[] },
): Promise<Finding> {
  const run = `Run gru-lm setup${device === 'cuda' ? ' --device cuda' : ''}, or just use the backend`;
  if (!isCompiled) {
    return {
      usable: false,
      detail: `${subject} is not in place yet${afterwards(failures)}`,
      mend: `${run}, which puts it there.`,
    };
  }
  const wants = await requireCompiler(context).then(() => undefined, reasonOf);
  return {
    usable: false,
    detail: `${subject} is not built yet${afterwards(wants ? [...failures, wants] : failures)}`,
    mend: wants?.mend ?? `${run}, which builds it.`,
  };
}

/** `. It computes on NVIDIA L4, compute capability 8.9, with up to 22.1 GB of its memory` */
function onGpu({ log }: ProbeResult): string {
  if (log?.gpu === undefined) return '';
  const { name, computeCapability, memoryBytes } = log.gpu;
  return `. It computes on ${name}, compute capability ${computeCapability}, with up to ${formatBytes(memoryBytes)} of its memory`;
}

/** What is added to a line about something that took the place of what failed. */
function afterwards(failures: readonly Reason[]): string {
  return failures.map(({ reason }) => `. ${reason}`.replace(/\.$/, '')).join('');
}

async function examineOperations(binding: BuiltBinding, context: RuntimeContext): Promise<Finding> {
  if (isNativeOff(context)) {
    return {
      usable: false,
      detail: 'turned off by GRU_LM_NATIVE=0',
      mend: 'Unset GRU_LM_NATIVE to have them.',
    };
  }
  const outcome = await findOperations(context, binding.tensorflow, 'cpu', { retry: false });
  if (outcome === undefined) {
    return {
      usable: false,
      detail: 'not set up yet',
      mend: 'Run gru-lm setup, or just use the backend, which sets them up.',
    };
  }
  const { built, refusal, passedOver = [] } = outcome;
  const looking = { keepsFailure: false };
  const probed = built
    ? await ensureOperationsProbed(built, binding, context, looking)
    : { refusal };
  if ('found' in probed) {
    const level = built?.level ? `, prebuilt for ${built.level}` : '';
    return {
      usable: true,
      detail: `${summarizeOperations(probed.found)}${level}${afterwards(passedOver)}`,
    };
  }
  const isPassing = 'isPassing' in probed && probed.isPassing;
  if (built?.origin === 'prebuilt' && !isPassing) {
    return {
      usable: false,
      detail: probed.refusal?.reason ?? '',
      mend: 'Run gru-lm setup, or just use the backend, which compiles others.',
    };
  }
  return {
    usable: false,
    detail: probed.refusal?.reason ?? '',
    mend: probed.refusal?.mend ?? '',
  };
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
    detail: `${state}: gru-lm setup fetches ${formatBytes(pin.bytes + (await missingBytes(context)))}`,
    mend: `${offline}run gru-lm setup`.replace(/^./, (first) => first.toUpperCase()).concat('.'),
  };
}

function withoutOffline({ env }: RuntimeContext): NodeJS.ProcessEnv {
  return { ...env, GRU_LM_OFFLINE: '' };
}

/** `oneDNN 3.2.0, avx512_core_bf16, bfloat16`: the last where that is faster than float32. */
export function summarizeOperations(found: NativeOperations): string {
  const { oneDnnVersion, instructionSet, fastBfloat16 } = found;
  const parts = [`oneDNN ${oneDnnVersion}`, instructionSet];
  if (fastBfloat16) parts.push('bfloat16');
  return parts.join(', ');
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
