import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { NativeOperations } from './binding-types.ts';
import type { RuntimeContext } from './context.ts';
import { type BuiltOperations, recordFailure } from './operations.ts';
import { operationsPart } from './part.ts';
import {
  type BuiltBinding,
  describeCrash,
  isIllegalInstruction,
  parseAnswer,
  probeKey,
  probeTimeoutMs,
  readRecord,
} from './probe.ts';
import { runChild } from './process.ts';
import { type Reason, reasonOf } from './refusal.ts';

/** Loads the binding in `argv[1]` and the operations in `argv[2]`, prints what those say as JSON. */
const probeScript = `
const say = (value) => process.stdout.write(JSON.stringify(value));
try {
  require(process.argv[1]);
  const { oneDnnVersion, instructionSet, bfloat16 } = require(process.argv[2]);
  say({ oneDnnVersion, instructionSet, bfloat16 });
} catch (error) {
  say({ error: String((error && error.message) || error) });
}
`;

/** What the first load of the native operations showed, or why they do not work. */
export type ProbedOperations = { found: NativeOperations } | { refusal: Reason };

/**
 * Makes sure that the native operations load on this machine, in a child process, so that a crash
 * becomes a reason. Either result is recorded; a failure until gru-lm setup tries again.
 */
export async function ensureOperationsProbed(
  operations: BuiltOperations,
  binding: BuiltBinding,
  context: RuntimeContext,
): Promise<ProbedOperations> {
  const { tensorflow, oneDnn, addonPath, directory, failurePath } = operations;
  const { ccLibrary, frameworkLibrary } = tensorflow;
  const files = [binding.bindingPath, ccLibrary, frameworkLibrary, oneDnn.library, addonPath];
  try {
    const recordPath = join(directory, `probe-${await probeKey(files, context, [])}.json`);
    const recorded = await readRecord<NativeOperations>(recordPath);
    if (recorded !== undefined) return { found: recorded };
    const found = await probeOperations(addonPath, binding.bindingPath, context);
    await writeFile(recordPath, `${JSON.stringify(found)}\n`).catch(() => {});
    await rm(failurePath, { force: true }).catch(() => {});
    return { found };
  } catch (error) {
    context.signal?.throwIfAborted();
    return { refusal: await recordFailure(operations, reasonOf(error)) };
  }
}

/** Loads the addon after the binding in a child process; a `UserError` says why it does not work. */
async function probeOperations(
  addonPath: string,
  bindingPath: string,
  context: RuntimeContext,
): Promise<NativeOperations> {
  context.onEvent({ type: 'phase', phase: 'probe', message: 'trying the native operations out' });
  const env: NodeJS.ProcessEnv = {
    ...context.env,
    TF_CPP_MIN_LOG_LEVEL: '3',
    CUDA_VISIBLE_DEVICES: '-1',
  };
  delete env.NODE_OPTIONS;
  const child = await runChild(process.execPath, ['-e', probeScript, bindingPath, addonPath], {
    env,
    signal: context.signal,
    timeoutMs: probeTimeoutMs,
  });
  context.onEvent({ type: 'done', phase: 'probe' });
  if (isIllegalInstruction(child)) {
    throw probeError(
      `this processor (${context.host.cpuModel}) lacks instructions that they were compiled for`,
    );
  }
  const answer = parseAnswer<NativeOperations>(child.stdout);
  if (answer === undefined) throw probeError(describeCrash(child));
  if (!('error' in answer)) return answer;
  if (/libgomp\.so\.1: cannot open/.test(answer.error)) {
    throw new UserError(
      'runtime-probe',
      'The native operations need libgomp.so.1, the OpenMP runtime of GCC; it is not on this machine.',
      `Install it (Debian and Ubuntu: apt install libgomp1; Fedora: dnf install libgomp), then run gru-lm setup; or ${operationsPart.instead}.`,
    );
  }
  throw probeError(answer.error);
}

function probeError(reason: string): UserError {
  return new UserError(
    'runtime-probe',
    `The native operations were built but do not load on this machine: ${reason}.`,
    `Try gru-lm setup --force, which fetches and builds them anew; or ${operationsPart.instead}.`,
  );
}
