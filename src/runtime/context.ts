import { resolve } from 'node:path';
import envPaths from 'env-paths';
import type { OnRuntimeEvent } from './events.ts';
import { type Host, readHost } from './host.ts';
import { type WheelPin, wheelPins } from './pins.ts';

/** What provisioning depends on besides its arguments: the machine, its settings, its listener. */
export interface RuntimeContext {
  host: Host;
  env: NodeJS.ProcessEnv;
  /** Holds everything that the runtime writes. */
  cacheDirectory: string;
  pins: readonly WheelPin[];
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
    cacheDirectory: parts.cacheDirectory ?? runtimeCacheDirectory(env),
    pins: parts.pins ?? wheelPins,
    onEvent: parts.onEvent ?? (() => {}),
    signal: parts.signal,
  };
}

/** True if nothing may be fetched. */
export function isOffline(context: RuntimeContext): boolean {
  return !['', '0', undefined].includes(context.env.GRU_LM_OFFLINE);
}

function runtimeCacheDirectory(env: NodeJS.ProcessEnv): string {
  const root = env.GRU_LM_CACHE || envPaths('gru-lm', { suffix: '' }).cache;
  return resolve(root, 'runtime');
}
