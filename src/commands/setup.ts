import { setupOptions } from '../config.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { type SetupPlan, setUpRuntime } from '../runtime/backend.ts';
import { runtimeReporter } from './start-backend.ts';
import { byteCount, printJson, printLine } from './terminal.ts';

/** `gru-lm setup` */
export async function run(
  given: GivenOptions<typeof setupOptions>,
  _operands: string[],
  signal: AbortSignal,
): Promise<void> {
  const { device, dryRun, force, json } = withDefaults(setupOptions, given);
  const { onEvent, stop } = runtimeReporter();
  const plan = await setUpRuntime({ device, dryRun, force, onEvent, signal }).finally(stop);
  if (json) {
    printJson({ dryRun, ...plan });
    return;
  }
  for (const line of describe(plan, dryRun)) printLine(line);
}

function describe({ tensorflow, binding, downloadBytes, diskBytes }: SetupPlan, dryRun: boolean) {
  const { wheel } = tensorflow;
  const lines =
    tensorflow.action === 'fetch' && wheel
      ? [
          `${dryRun ? 'would fetch' : 'fetched'}  ${wheel.file} (${byteCount(wheel.bytes)}) by ${wheel.fetchedBy}`,
          `SHA-256      ${wheel.sha256}`,
          `${dryRun ? 'would unpack' : 'unpacked'} ${byteCount(wheel.unpackedBytes)} to ${tensorflow.directory}`,
        ]
      : [`TensorFlow ${tensorflow.version ?? ''} is there: ${tensorflow.directory}`];
  if (binding.action === 'build') {
    lines.push(
      `${dryRun ? 'would build' : 'built'}  the binding with ${binding.compiler ?? 'no compiler found'} in ${binding.directory}`,
    );
  } else {
    lines.push(`the binding is there: ${binding.directory}`);
  }
  if (dryRun) {
    lines.push(`in all: ${byteCount(downloadBytes)} to fetch, ${byteCount(diskBytes)} on disk`);
  }
  return lines;
}
