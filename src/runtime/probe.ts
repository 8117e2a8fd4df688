import { createHash } from 'node:crypto';
import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { RuntimeContext } from './context.ts';
import { type CudaLog, cudaLogSettings, readCudaLog } from './cuda-log.ts';
import { cudnnProbe } from './cudnn-probe.ts';
import { type Device, isSupportedVersion, type LocatedTensorflow } from './locate.ts';
import { tensorflowVersion } from './pins.ts';
import type { AddonOrigin } from './prebuilt.ts';
import { type ChildResult, runChild } from './process.ts';

/** A binding that was built, and the TensorFlow that it loads. */
export interface BuiltBinding {
  origin: AddonOrigin;
  directory: string;
  bindingPath: string;
  stderrGatePath: string;
  tensorflow: LocatedTensorflow;
  /** Says why a prebuilt one does not work here, if that is so. */
  failurePath: string;
}

/** What the first load of a binding showed. */
export interface ProbeResult {
  tensorflowVersion: string;
  isUsingGpuDevice: boolean;
  /** What its log said of the GPU, if it was to use one. */
  log?: CudaLog;
}

/** After this long a child counts as stuck. */
export const probeTimeoutMs = 180_000;

/** What mends a TensorFlow that does not work, by where it came from. */
const hints: Record<LocatedTensorflow['source'], string> = {
  cache: 'Try gru-lm setup --force, which fetches and builds it anew; or use --backend wasm.',
  python: `Reinstall the Python package (pip install --force-reinstall tensorflow==${tensorflowVersion}), then run gru-lm setup --force; or use --backend wasm.`,
  environment: 'Name another TensorFlow in GRU_LM_TENSORFLOW, or unset it; or use --backend wasm.',
};

/** How a script prints what it found, on a line of its own: libraries may print on stdout, too. */
export const sayAnswer = `
const say = (value) => process.stdout.write('\\n' + JSON.stringify(value) + '\\n');
`;

/** Loads the addon in `argv[1]`, multiplies two matrices, on a GPU also asks cuDNN, prints what it found as JSON. */
const probeScript = `
${sayAnswer}
try {
  const binding = require(process.argv[1]);
  const matrix = () => binding.createTensor([2, 2], binding.TF_FLOAT, new Float32Array([1, 2, 3, 4]));
  const [product] = binding.executeOp('MatMul', [
    { name: 'transpose_a', type: binding.TF_ATTR_BOOL, value: false },
    { name: 'transpose_b', type: binding.TF_ATTR_BOOL, value: false },
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
  ], [matrix(), matrix()], 1);
  const isUsingGpuDevice = binding.isUsingGpuDevice();
  say({
    product: [...binding.tensorDataSync(product.id)],
    tensorflowVersion: binding.TF_Version,
    isUsingGpuDevice,
    cudnn: isUsingGpuDevice ? (${cudnnProbe})(binding) : undefined,
  });
} catch (error) {
  say({ error: String((error && error.message) || error) });
}
`;

/**
 * Makes sure that the binding works on this machine, in a child process, so that a crash becomes a
 * reason. A success is recorded beside the addon and holds for the same files on the same host.
 */
export async function ensureProbed(
  built: BuiltBinding,
  device: Device,
  context: RuntimeContext,
): Promise<ProbeResult> {
  const files = [built.bindingPath, built.tensorflow.ccLibrary, built.tensorflow.frameworkLibrary];
  const gpus = device === 'cuda' ? context.env.CUDA_VISIBLE_DEVICES : '';
  const key = await probeKey(files, context, [gpus, device]);
  const recordPath = join(built.directory, `probe-${key}.json`);
  const recorded = await readRecord<ProbeResult>(recordPath);
  if (recorded !== undefined) return recorded;
  context.onEvent({ type: 'phase', phase: 'probe', message: 'trying TensorFlow out' });
  const result = await probeBinding(
    built.bindingPath,
    device,
    context,
    hints[built.tensorflow.source],
  );
  // A missing GPU may be there next time. A cache that cannot be written only costs another probe.
  if (device === 'cpu' || result.isUsingGpuDevice) {
    await writeFile(recordPath, `${JSON.stringify(result)}\n`).catch(() => {});
  }
  context.onEvent({ type: 'done', phase: 'probe' });
  return result;
}

/** Loads the binding in a child process and runs one op; a `UserError` says why it does not work. */
export async function probeBinding(
  bindingPath: string,
  device: Device,
  context: RuntimeContext,
  hint: string = hints.cache,
): Promise<ProbeResult> {
  const env: NodeJS.ProcessEnv = { ...context.env, TF_CPP_MIN_LOG_LEVEL: '3' };
  delete env.NODE_OPTIONS;
  if (device === 'cpu') env.CUDA_VISIBLE_DEVICES = '-1';
  else Object.assign(env, cudaLogSettings);
  const child = await runChild(process.execPath, ['-e', probeScript, bindingPath], {
    env,
    signal: context.signal,
    timeoutMs: probeTimeoutMs,
  });
  const answer = parseAnswer<Probed>(child.stdout);
  if (isIllegalInstruction(child)) {
    const processor = `this processor (${context.host.cpuModel})`;
    throw probeError(
      `${processor} lacks instructions that it was compiled for`,
      'Use --backend wasm, or name a TensorFlow that was compiled for this processor in GRU_LM_TENSORFLOW.',
    );
  }
  if (answer === undefined && child.timedOut) throw probeTimeout('TensorFlow was set up, but');
  if (answer === undefined) throw probeError(describeCrash(child), hint);
  if ('error' in answer) throw probeError(answer.error, hint);
  if (answer.product.join() !== '7,10,15,22') {
    throw probeError(
      `[1 2; 3 4]² should be [7 10; 15 22]; it gave ${answer.product.join(' ')}`,
      hint,
    );
  }
  const { tensorflowVersion, isUsingGpuDevice } = answer;
  if (!isSupportedVersion(tensorflowVersion)) {
    throw probeError(`it is TensorFlow ${tensorflowVersion}, which gru-lm does not support`, hint);
  }
  if (device === 'cpu') return { tensorflowVersion, isUsingGpuDevice };
  if (answer.cudnn) throw cudnnError(answer.cudnn, child);
  return { tensorflowVersion, isUsingGpuDevice, log: readCudaLog(child.stderr) };
}

function cudnnError(reason: string, child: ChildResult): UserError {
  const { oldCudnn } = readCudaLog(child.stderr);
  const found = oldCudnn
    ? `it needs cuDNN ${oldCudnn.needed}, and loaded ${oldCudnn.found}`
    : reason;
  return new UserError(
    'runtime-cuda',
    `TensorFlow finds a GPU, but cuDNN does not run on it: ${found.replace(/\.$/, '')}.`,
    'See gru-lm doctor; or use --backend cpu.',
  );
}

type Probed = ProbeResult & { product: number[]; cudnn?: string };

/** What a child printed by `sayAnswer`; undefined if it did not come to that. */
export function parseAnswer<T extends object>(text: string): T | { error: string } | undefined {
  const line = text.split('\n').findLast((each) => each.startsWith('{'));
  try {
    return JSON.parse(line ?? '') as T | { error: string };
  } catch {
    return undefined;
  }
}

/** TensorFlow checks for some instructions itself, and then ends the process. */
export function isIllegalInstruction(child: ChildResult): boolean {
  return child.signal === 'SIGILL' || /compiled to use \w+ instructions/.test(child.stderr);
}

/** The error of a child that was stuck, or on a machine that is very busy: the next one may not be. */
export function probeTimeout(subject: string): UserError {
  const minutes = probeTimeoutMs / 60_000;
  return new UserError(
    'runtime-timeout',
    `${subject} did not answer within ${minutes} minutes when tried out.`,
    'Try again when the machine is less busy.',
  );
}

/** True of that error, of which nothing is to be kept. */
export function isTimeout(error: unknown): boolean {
  return error instanceof UserError && error.code === 'runtime-timeout';
}

/** How a child ended that printed no answer. */
export function describeCrash(child: ChildResult): string {
  const lastWords = child.stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(WARNING: All log messages|I\d{4} )/.test(line))
    .at(-1);
  const end =
    child.signal === null ? `ended with exit code ${child.code}` : `crashed (${child.signal})`;
  return lastWords === undefined ? `it ${end}` : `it ${end}: ${lastWords}`;
}

function probeError(reason: string, hint: string): UserError {
  return new UserError(
    'runtime-probe',
    `TensorFlow was set up but does not work on this machine: ${reason}.`,
    hint,
  );
}

/** Changes when one of the files or the machine does. */
export async function probeKey(
  files: readonly string[],
  { host }: RuntimeContext,
  settings: readonly unknown[],
): Promise<string> {
  const identities = await Promise.all(
    files.map(async (file) => {
      const path = await realpath(file);
      const { size, mtimeMs } = await stat(path);
      return [path, size, mtimeMs];
    }),
  );
  const parts = [identities, host, settings];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** What an earlier probe found, if there was one. */
export async function readRecord<T extends object>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
