import { setupOptions } from '../config/commands.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import {
  type NvidiaPlan,
  type PlannedWheel,
  type SetupPlan,
  setUpRuntime,
  summarizeOperations,
} from '../runtime/backend.ts';
import { runtimeReporter } from './start-backend.ts';
import { byteCount, printJson, printLine, showMessage } from './terminal.ts';

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
  for (const line of describe(plan, dryRun)) printLine(showMessage(line));
}

function describe(plan: SetupPlan, dryRun: boolean): string[] {
  const { tensorflow, nvidia, binding, downloadBytes, diskBytes } = plan;
  const { wheel } = tensorflow;
  const lines = wheel
    ? describeFetch([wheel], tensorflow.directory, dryRun)
    : [`TensorFlow ${tensorflow.version ?? ''} is there: ${tensorflow.directory}`];
  if (nvidia) lines.push(...describeNvidia(nvidia, dryRun));
  if (binding.action === 'build') {
    lines.push(
      `${dryRun ? 'would build' : 'built'}  the binding with ${binding.compiler ?? 'no compiler found'} in ${binding.directory}`,
    );
  } else if (binding.action === 'copy') {
    lines.push(
      `${dryRun ? 'would copy' : 'copied'}   the prebuilt binding to ${binding.directory}`,
    );
  } else {
    lines.push(`the binding is there: ${binding.directory}`);
  }
  lines.push(...summarizeOperationsPlan(plan.operations, dryRun));
  if (dryRun) {
    lines.push(`in all: ${byteCount(downloadBytes)} to fetch, ${byteCount(diskBytes)} on disk`);
  }
  if (nvidia?.refusal) lines.push(nvidia.refusal.reason, `  ${nvidia.refusal.mend}`);
  return lines;
}

function describeNvidia(plan: NvidiaPlan, dryRun: boolean): string[] {
  const { action, missing, directory, wheels } = plan;
  if (action === 'fetch') return describeFetch(wheels, directory ?? '', dryRun);
  if (missing)
    return [`NVIDIA’s libraries are not all there: ${missing.reason}`, `  ${missing.mend}`];
  return [`NVIDIA’s libraries are there: ${directory ?? 'where the system’s loader finds them'}`];
}

function describeFetch(wheels: PlannedWheel[], directory: string, dryRun: boolean): string[] {
  if (wheels.length === 0) return [];
  const unpackedBytes = wheels.reduce((total, wheel) => total + wheel.unpackedBytes, 0);
  return [
    ...wheels.flatMap(({ file, bytes, sha256, fetchedBy }) => [
      `${dryRun ? 'would fetch' : 'fetched'}  ${file} (${byteCount(bytes)}) by ${fetchedBy}`,
      `SHA-256      ${sha256}`,
    ]),
    `${dryRun ? 'would unpack' : 'unpacked'} ${byteCount(unpackedBytes)} to ${directory}`,
  ];
}

function summarizeOperationsPlan(plan: SetupPlan['operations'], dryRun: boolean): string[] {
  const { action, directory, compiler, oneDnn, found, refusal } = plan;
  if (refusal !== undefined) {
    return [`without the native operations: ${refusal.reason}`, `  ${refusal.mend}`];
  }
  if (action === 'none') return [];
  return [
    ...(oneDnn ? describeFetch(oneDnn.wheels, oneDnn.directory, dryRun) : []),
    {
      build: `${dryRun ? 'would build' : 'built'}  the native operations with ${compiler} in ${directory}`,
      copy: `${dryRun ? 'would copy' : 'copied'}   the prebuilt native operations to ${directory}`,
      present: `the native operations are there: ${directory}`,
    }[action],
    ...(found ? [`native operations: ${summarizeOperations(found)}`] : []),
  ];
}
