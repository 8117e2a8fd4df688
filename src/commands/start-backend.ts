import type { Precision } from '../ops/tensorflow-binding.ts';
import type { BackendName, RuntimeEvent, SelectedBackend } from '../runtime/backend.ts';
import { type Progress, startProgress } from './progress-bar.ts';
import { byteCount, errorStyle, notice, showMessage } from './terminal.ts';

/** Shows what the runtime does while the user waits for it. */
export function runtimeReporter(): { onEvent: (event: RuntimeEvent) => void; stop: () => void } {
  let progress: Progress | undefined;
  const stop = () => {
    progress?.stop();
    progress = undefined;
  };
  return {
    stop,
    onEvent(event) {
      if (event.type === 'wait' || event.type === 'notice') {
        notice(showMessage(event.message));
      } else if (event.type === 'phase') {
        stop();
        notice(showMessage(event.message));
      } else if (event.type === 'progress') {
        progress ??= startProgress();
        const { phase, doneBytes, totalBytes } = event;
        const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0;
        progress.update(share, [phase, `${byteCount(doneBytes)} of ${byteCount(totalBytes)}`]);
      } else {
        stop();
      }
    },
  };
}

/**
 * The precision to compute in. On a GPU TensorFlow has kernels for all; elsewhere the native operations alone
 * have others than float32, and those bfloat16.
 */
export function effectivePrecision(wanted: Precision, backend: SelectedBackend): Precision {
  if (wanted === 'float32' || backend.name === 'cuda') return wanted;
  if (wanted === 'bfloat16' && backend.nativeOperations) return wanted;
  const reason = whyNot(wanted, backend);
  notice(errorStyle.yellow(`Using float32 instead of ${wanted}: ${reason}.`));
  return 'float32';
}

function whyNot(wanted: Precision, { name }: SelectedBackend): string {
  return wanted === 'float16'
    ? `only the cuda backend multiplies it, and this is ${name}`
    : `the ${name} backend runs without the native operations`;
}

/** What commands that run a model are told of the machine. */
export interface MachineOptions {
  backend: BackendName | 'auto';
  threads?: number | undefined;
  /** In GB. */
  gpuMemory?: number | undefined;
  tf32?: boolean | undefined;
}

/** Chooses and starts the backend for a command, setting it up first where that is needed. */
export async function startBackend(
  { backend, threads, gpuMemory, tf32 }: MachineOptions,
  signal: AbortSignal,
): Promise<SelectedBackend> {
  const { selectBackend } = await import('../runtime/backend.ts');
  const reporter = runtimeReporter();
  try {
    const gpu = { memoryBytes: gpuMemory && gpuMemory * 1e9, tf32 };
    const selected = await selectBackend(backend, {
      ...{ threads, gpu, signal },
      onEvent: reporter.onEvent,
    });
    reporter.stop();
    if (backend === 'auto' && selected.name === 'wasm') {
      const refusal = selected.refusals.find((each) => each.backend === 'cpu');
      notice(
        errorStyle.yellow(
          `Using the slower wasm backend: ${showMessage(refusal?.reason ?? 'TensorFlow is not there.')} ${showMessage(refusal?.mend ?? '')}`,
        ),
      );
    }
    if (selected.nativeRefusal) {
      const { reason, mend } = selected.nativeRefusal;
      const why = showMessage(reason).replace(/\.?$/, '.');
      notice(
        errorStyle.yellow(
          `Without the native operations, which is slower: ${why} ${showMessage(mend)}`,
        ),
      );
    }
    return selected;
  } finally {
    reporter.stop();
  }
}
