import type { NativeOperations } from './binding-types.ts';
import type { RuntimeContext } from './context.ts';
import { missingGpu } from './cuda.ts';
import { recordFailure } from './failures.ts';
import type { Device } from './locate.ts';
import type { OperationsOutcome } from './operations.ts';
import { ensureOperationsProbed } from './operations-probe.ts';
import { type BuiltBinding, ensureProbed } from './probe.ts';
import { type ProvisionOptions, provision } from './provision.ts';
import { reasonOf } from './refusal.ts';

/** What is there and was found to work. */
export interface ReadyRuntime {
  binding: BuiltBinding;
  operations: OperationsOutcome & { found?: NativeOperations };
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
  try {
    const { isUsingGpuDevice } = await ensureProbed(binding, device, context);
    if (device === 'cuda' && !isUsingGpuDevice) throw missingGpu();
  } catch (error) {
    context.signal?.throwIfAborted();
    if (binding.origin === 'compiled' || !again || isAboutGpu(error)) throw error;
    const { reason } = reasonOf(error);
    await recordFailure(binding, {
      reason: `The prebuilt binding does not work: ${reason}`,
      // The next binding to try does.
      mend: '',
    });
    return undefined;
  }
  const { built } = operations;
  if (built === undefined) return { binding, operations };
  const probed = await ensureOperationsProbed(built, binding, context);
  if ('found' in probed) return { binding, operations: { built, ...probed } };
  return built.origin === 'prebuilt' && again ? undefined : { binding, operations: probed };
}

/** True of an error that another binding would not mend. */
function isAboutGpu(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'runtime-cuda';
}
