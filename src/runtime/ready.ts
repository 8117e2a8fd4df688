import type { NativeOperations } from './binding-types.ts';
import type { RuntimeContext } from './context.ts';
import { explainMissingGpu } from './cuda-checks.ts';
import type { CudaLog } from './cuda-log.ts';
import { recordFailure } from './failures.ts';
import type { Device } from './locate.ts';
import type { OperationsOutcome } from './operations.ts';
import { ensureOperationsProbed } from './operations-probe.ts';
import { type BuiltBinding, ensureProbed, isTimeout, type ProbeResult } from './probe.ts';
import { type ProvisionOptions, provision } from './provision.ts';
import { reasonOf } from './refusal.ts';

/** What is there and was found to work. */
export interface ReadyRuntime {
  binding: BuiltBinding;
  operations: OperationsOutcome & { found?: NativeOperations };
  /** The GPU, for `cuda`. */
  gpu?: CudaLog['gpu'];
}

/**
 * Makes TensorFlow, its binding and the native operations ready and tries them out, in processes of their own.
 * What is prebuilt and does not work here is compiled in the next round; why is kept.
 */
export async function makeReady(
  context: RuntimeContext,
  device: Device,
  options: ProvisionOptions = {},
): Promise<ReadyRuntime> {
  const first = await tryOut(context, device, options, true);
  // Once more for each of the two that may fail, and then as it is.
  return (
    first ??
    (await tryOut(context, device, {}, true)) ??
    (await tryOut(context, device, {}, false))!
  );
}

/** One round; undefined if something prebuilt failed, and `again` allows for another round. */
async function tryOut(
  context: RuntimeContext,
  device: Device,
  options: ProvisionOptions,
  again: boolean,
): Promise<ReadyRuntime | undefined> {
  const { binding, operations } = await provision(context, device, options);
  let gpu: CudaLog['gpu'];
  try {
    gpu = (await requireWorking(binding, device, context)).log?.gpu;
  } catch (error) {
    context.signal?.throwIfAborted();
    const isItsFault = !isAboutGpu(error) && !isTimeout(error);
    if (binding.origin === 'compiled' || !again || !isItsFault) throw error;
    const { reason } = reasonOf(error);
    await recordFailure(binding, {
      reason: `The prebuilt binding does not work: ${reason}`,
      // The next binding to try does.
      mend: '',
    });
    return undefined;
  }
  const { built, isKept } = operations;
  if (built === undefined) return { binding, operations, ...(gpu && { gpu }) };
  const probed = await ensureOperationsProbed(built, binding, context);
  if ('found' in probed)
    return { binding, operations: { built, ...(isKept && { isKept }), ...probed } };
  const { refusal, isPassing } = probed;
  const isLast = built.origin === 'compiled' || !again || isPassing;
  return isLast ? { binding, operations: { refusal } } : undefined;
}

/** What a try showed; a `UserError` says why TensorFlow does not work, or finds no GPU where it should. */
export async function requireWorking(
  binding: BuiltBinding,
  device: Device,
  context: RuntimeContext,
): Promise<ProbeResult> {
  const probed = await ensureProbed(binding, device, context);
  if (device === 'cpu' || probed.isUsingGpuDevice) return probed;
  throw await explainMissingGpu(probed.log ?? { missing: [] }, context);
}

/** True of an error that another binding would not mend. */
function isAboutGpu(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'runtime-cuda';
}
