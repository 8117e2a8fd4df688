import { cacheDirectory } from '../cache-directory.ts';
import { type CudaPin, cudaPins } from './cuda-pins.ts';
import type { OnRuntimeEvent } from './events.ts';
import { type Host, readHost } from './host.ts';
import { type RuntimePart, tensorflowPart } from './part.ts';
import { type OneDnnPin, oneDnnPins, type TensorflowPin, tensorflowPins } from './pins.ts';
import { locateTfjsNode } from './tfjs-node.ts';

/** What provisioning depends on besides its arguments: the machine, its settings, its listener. */
export interface RuntimeContext {
  host: Host;
  env: NodeJS.ProcessEnv;
  /** Holds everything that the runtime writes. */
  cacheDirectory: string;
  pins: readonly TensorflowPin[];
  oneDnnPins: readonly OneDnnPin[];
  cudaPins: readonly CudaPin[];
  /** What is being set up. */
  part: RuntimePart;
  /** Holds addons that came with the package, by platforms; undefined where none did. */
  prebuiltDirectory: string | undefined;
  onEvent: OnRuntimeEvent;
  signal: AbortSignal | undefined;
}

/** Parts of a context; what is absent is this process's own. */
export type ContextParts = { [Key in keyof RuntimeContext]?: RuntimeContext[Key] | undefined };

/** The context of this process; tests replace parts of it. */
export function createContext(parts: ContextParts = {}): RuntimeContext {
  const env = parts.env ?? process.env;
  return {
    host: parts.host ?? readHost(),
    env,
    cacheDirectory: parts.cacheDirectory ?? cacheDirectory('runtime', env),
    pins: parts.pins ?? tensorflowPins,
    oneDnnPins: parts.oneDnnPins ?? oneDnnPins,
    cudaPins: parts.cudaPins ?? cudaPins,
    part: parts.part ?? tensorflowPart,
    prebuiltDirectory: parts.prebuiltDirectory ?? locateTfjsNode().prebuiltDirectory,
    onEvent: parts.onEvent ?? (() => {}),
    signal: parts.signal,
  };
}

/** True if nothing may be fetched. */
export function isOffline(context: RuntimeContext): boolean {
  return !['', '0', undefined].includes(context.env.GRU_LM_OFFLINE);
}

/** True if the user wants no native operations. */
export function isNativeOff(context: RuntimeContext): boolean {
  return context.env.GRU_LM_NATIVE === '0';
}

/** True if the user wants all addons compiled on this machine. */
export function isPrebuiltOff(context: RuntimeContext): boolean {
  return context.env.GRU_LM_PREBUILT === '0';
}
