import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { NativeOperations } from './binding-types.ts';
import type { RuntimeContext } from './context.ts';
import { forgetFailure, recordFailure } from './failures.ts';
import type { BuiltOperations } from './operations.ts';
import { operationsPart } from './part.ts';
import type { AddonOrigin } from './prebuilt.ts';
import {
  type BuiltBinding,
  describeCrash,
  isIllegalInstruction,
  isTimeout,
  parseAnswer,
  probeKey,
  probeTimeout,
  probeTimeoutMs,
  readRecord,
  sayAnswer,
} from './probe.ts';
import { runChild } from './process.ts';
import { type Reason, reasonOf } from './refusal.ts';

/**
 * Loads the binding in `argv[1]` and the operations in `argv[2]`, runs one of these, and prints what they say
 * as JSON. Row i of the features [4, 32] is 0, 1/32, 2/32, … and of the weights [48, 32] the i-th of unit
 * vectors, so that the scores are multiples of 1/32 and the losses known.
 */
const probeScript = `
${sayAnswer}
try {
  const binding = require(process.argv[1]);
  const operations = require(process.argv[2]);
  const N = 4, H = 32, V = 48, labels = [0, 5, 31, 47];
  const score = (v) => (v % H) / H;
  const fill = (count, value) => Float32Array.from({ length: count }, (_, i) => value(i));
  const losses = (precision) => {
    const inputs = [
      [[N, H], fill(N * H, (i) => score(i))],
      [[V, H], fill(V * H, (i) => (i % H === Math.floor(i / H) % H ? 1 : 0))],
      [[V], fill(V, () => 0)],
    ].map(([shape, values]) => binding.createTensor(shape, binding.TF_FLOAT, values));
    inputs.push(binding.createTensor([N], binding.TF_INT32, Int32Array.from(labels)));
    const attributes = [
      { name: 'with_gradient', type: binding.TF_ATTR_BOOL, value: false },
      { name: 'precision', type: binding.TF_ATTR_STRING, value: precision },
    ];
    const outputs = binding.executeOp('GruLmLinearCrossEntropy', attributes, inputs, 5);
    return [...binding.tensorDataSync(outputs[1].id)];
  };
  const sum = fill(V, (v) => Math.exp(score(v))).reduce((total, each) => total + each, 0);
  const expected = labels.map((label) => Math.log(sum) - score(label));
  for (const precision of ['float32', 'bfloat16']) {
    const found = losses(precision);
    if (!expected.every((value, i) => Math.abs(value - found[i]) < 1e-4)) {
      const both = [expected, found].map((values) => values.map((x) => x.toFixed(4)).join(' '));
      throw new Error('in ' + precision + ' losses should be ' + both.join('; they are '));
    }
  }
  say(operations);
} catch (error) {
  say({ error: String((error && error.message) || error) });
}
`;

/** What the first load of the native operations showed, or why they do not work. */
export type ProbedOperations =
  | { found: NativeOperations }
  | {
      refusal: Reason;
      /** True if the next start may come to another result: nothing is kept of this one. */
      isPassing: boolean;
    };

/**
 * Makes sure that the native operations load on this machine, in a child process, so that a crash
 * becomes a reason. Either result is recorded; a failure until gru-lm setup tries again, and not with
 * `keepsFailure` false.
 */
export async function ensureOperationsProbed(
  operations: BuiltOperations,
  binding: BuiltBinding,
  context: RuntimeContext,
  { keepsFailure = true }: { keepsFailure?: boolean } = {},
): Promise<ProbedOperations> {
  const { tensorflow, oneDnn, addonPath, directory } = operations;
  const { ccLibrary, frameworkLibrary } = tensorflow;
  const files = [binding.bindingPath, ccLibrary, frameworkLibrary, oneDnn.library, addonPath];
  try {
    const recordPath = join(directory, `probe-${await probeKey(files, context, [])}.json`);
    const recorded = await readRecord<NativeOperations>(recordPath);
    const found = recorded ?? (await probeOperations(operations, binding.bindingPath, context));
    if (!recorded) await writeFile(recordPath, `${JSON.stringify(found)}\n`).catch(() => {});
    await forgetFailure(operations);
    return { found };
  } catch (error) {
    context.signal?.throwIfAborted();
    const reason = reasonOf(error);
    const isPassing = isTimeout(error);
    const isKept = keepsFailure && !isPassing;
    return { refusal: isKept ? await recordFailure(operations, reason) : reason, isPassing };
  }
}

/** Loads the addon after the binding in a child process; a `UserError` says why it does not work. */
async function probeOperations(
  { addonPath, origin }: BuiltOperations,
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
      origin,
    );
  }
  const answer = parseAnswer<NativeOperations>(child.stdout);
  if (answer === undefined && child.timedOut) throw probeTimeout('The native operations');
  if (answer === undefined) throw probeError(describeCrash(child), origin);
  if (!('error' in answer)) return answer;
  if (/libgomp\.so\.1: cannot open/.test(answer.error)) {
    throw new UserError(
      'runtime-probe',
      'The native operations need libgomp.so.1, the OpenMP runtime of GCC; it is not on this machine.',
      `Install it (Debian and Ubuntu: apt install libgomp1; Fedora: dnf install libgomp), then run gru-lm setup; or ${operationsPart.instead}.`,
    );
  }
  throw probeError(answer.error, origin);
}

function probeError(reason: string, origin: AddonOrigin): UserError {
  if (origin === 'prebuilt') {
    // Those that are compiled here come next.
    const message = `The prebuilt native operations do not work on this machine: ${reason}.`;
    return new UserError('runtime-probe', message, '');
  }
  return new UserError(
    'runtime-probe',
    `The native operations were built but do not load on this machine: ${reason}.`,
    `Try gru-lm setup --force, which fetches and builds them anew; or ${operationsPart.instead}.`,
  );
}
