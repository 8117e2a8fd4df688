/** A part of the provisioning that the user may wait for. */
type RuntimePhase = 'fetch' | 'verify' | 'unpack' | 'build' | 'probe';

/** What the runtime is doing, for whoever renders it; the runtime itself prints nothing. */
export type RuntimeEvent =
  | { type: 'wait' | 'notice'; message: string }
  | { type: 'phase'; phase: RuntimePhase; message: string; totalBytes?: number }
  | {
      type: 'progress';
      phase: 'fetch' | 'verify' | 'unpack';
      doneBytes: number;
      totalBytes: number;
    }
  | { type: 'done'; phase: RuntimePhase };

/** Receives the runtime's events. */
export type OnRuntimeEvent = (event: RuntimeEvent) => void;
