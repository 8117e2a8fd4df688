import type { doctorOptions } from '../config/commands.ts';
import type { GivenOptions } from '../option-table.ts';
import { type DeviceCheck, examineBackends } from '../runtime/backend.ts';
import { outStyle, printJson, printLine, showMessage } from './terminal.ts';

/** `gru-lm doctor`: looks, and changes nothing. */
export async function run(
  { json = false }: GivenOptions<typeof doctorOptions>,
  _operands: string[],
  signal: AbortSignal,
): Promise<void> {
  const backends = await examineBackends({ signal });
  const host = { node: process.version, platform: process.platform, architecture: process.arch };
  if (json) {
    printJson({ ...host, backends });
    return;
  }
  printLine(`Node ${host.node} on ${host.platform} ${host.architecture}\n`);
  for (const { backend, usable, detail, mend, nativeOperations: native, checks } of backends) {
    const mark = usable ? outStyle.green('works') : outStyle.yellow('not now');
    printLine(`${outStyle.bold(backend.padEnd(6))}${mark}  ${showMessage(detail)}`);
    if (mend) printLine(`      ${outStyle.dim(showMessage(mend))}`);
    for (const each of checks ?? []) for (const line of describeCheck(each)) printLine(line);
    if (native === undefined) continue;
    const state = native.usable ? '' : `${outStyle.yellow('not now')}  `;
    printLine(`      native operations: ${state}${showMessage(native.detail)}`);
    if (native.mend) printLine(`      ${outStyle.dim(showMessage(native.mend))}`);
  }
}

/** A line for one thing that a GPU needs, and one for what to do. */
function describeCheck({ check, state, found, needed, mend }: DeviceCheck): string[] {
  const mark = state === 'ok' ? outStyle.green(state) : outStyle.yellow(state);
  const pad = ' '.repeat(Math.max(0, 8 - state.length));
  const line = `      ${check.padEnd(19)}${mark}${pad}${showMessage(found)} (needed: ${showMessage(needed)})`;
  return mend ? [line, `      ${' '.repeat(27)}${outStyle.dim(showMessage(mend))}`] : [line];
}
