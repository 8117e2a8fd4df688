import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { explainWriteError, installDirectory, readManifest } from './cache.ts';
import {
  bindingKey,
  bindingName,
  buildBinding,
  requireCompiler,
  stderrGateName,
} from './compiler.ts';
import type { RuntimeContext } from './context.ts';
import { forgetFailure, joinReasons, recordFailure, sortOut } from './failures.ts';
import { type LocatedTensorflow, runtimeLibraryPath } from './locate.ts';
import {
  findPrebuilt,
  installPrebuilt,
  type Prebuilt,
  type PrebuiltAddon,
  prebuiltKey,
  tensorflowLink,
  tensorflowTarget,
  unfitPrebuilt,
} from './prebuilt.ts';
import type { BuiltBinding } from './probe.ts';
import { type Reason, reasonOf } from './refusal.ts';
import { locateTfjsNode } from './tfjs-node.ts';

/** How much is to be done about it. */
export interface BindingOptions {
  /** Make anew what is there. */
  force: boolean;
  /** Try again what failed before. */
  retry: boolean;
}

const what = 'The binding between Node.js and TensorFlow';

/** The binding to this TensorFlow, if it is there: the prebuilt one before a compiled one. */
export async function findBinding(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  { retry = false }: { retry?: boolean } = {},
): Promise<BuiltBinding | undefined> {
  const { open } = await sortOut(await describeBindings(context, tensorflow), retry);
  for (const candidate of open) {
    if ((await readManifest(candidate.directory)) !== undefined) return candidate;
  }
  return undefined;
}

/** The binding that making one would give first, and why better ones would not be tried. */
export async function plannedBinding(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  { retry = false }: { retry?: boolean } = {},
): Promise<{ binding: BuiltBinding; failures: Reason[] }> {
  const { open, failures } = await sortOut(await describeBindings(context, tensorflow), retry);
  return { binding: open[0]!, failures: [...(await unfitPrebuilt(context)), ...failures] };
}

/** Puts the prebuilt binding into the cache, or compiles one where that cannot be had. */
export async function ensureBinding(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
  { force, retry }: BindingOptions,
): Promise<BuiltBinding> {
  const found = force ? undefined : await findBinding(context, tensorflow, { retry });
  if (found !== undefined) return found;
  const all = await describeBindings(context, tensorflow);
  const { open, failures } = await sortOut(all, force || retry);
  failures.unshift(...(await unfitPrebuilt(context)));
  for (const candidate of open) {
    await forgetFailure(candidate);
    if (candidate.origin === 'compiled') {
      await compileBinding(context, candidate).catch((error: unknown) => {
        throw afterFailures(error, failures);
      });
      return candidate;
    }
    try {
      const prebuilt = (await findPrebuilt(context))!;
      const addon = prebuiltBinding(prebuilt, tensorflow);
      await installPrebuilt(prebuilt, addon, candidate.directory, what, context);
      return candidate;
    } catch (error) {
      context.signal?.throwIfAborted();
      const explained = explainWriteError(error, context.cacheDirectory);
      failures.push(await recordFailure(candidate, reasonOf(explained)));
    }
  }
  throw new Error('a binding can always be compiled');
}

async function compileBinding(
  context: RuntimeContext,
  { directory, tensorflow }: BuiltBinding,
): Promise<void> {
  const compiler = await requireCompiler(context);
  const libraryPath = runtimeLibraryPath(context, tensorflow);
  await installDirectory(context.cacheDirectory, directory, async (building) => ({
    format: 1,
    what,
    version: tensorflow.version ?? 'unknown',
    files: await buildBinding(
      tensorflow,
      locateTfjsNode(),
      libraryPath,
      compiler,
      building,
      context,
    ),
    details: { compiler: compiler.version, tensorflow: tensorflow.directory },
  }));
}

/** The error with what went wrong before it. */
export function afterFailures(error: unknown, failures: readonly Reason[]): unknown {
  if (!(error instanceof UserError) || failures.length === 0) return error;
  const { reason } = joinReasons([...failures, { reason: error.message, mend: '' }]);
  return new UserError(error.code, reason, error.hint, { cause: error });
}

/** Where bindings to this TensorFlow are or would be, the best first; the last one is compiled here. */
async function describeBindings(
  context: RuntimeContext,
  tensorflow: LocatedTensorflow,
): Promise<BuiltBinding[]> {
  const libraryPath = runtimeLibraryPath(context, tensorflow);
  const key = await bindingKey(tensorflow, locateTfjsNode(), libraryPath, context);
  const describe = (name: string, origin: BuiltBinding['origin'], files: string[]) => {
    const directory = join(context.cacheDirectory, name);
    const [bindingPath, stderrGatePath] = files.map((file) => join(directory, file));
    return {
      origin,
      directory,
      bindingPath: bindingPath!,
      stderrGatePath: stderrGatePath!,
      tensorflow,
      failurePath: `${directory}-failed.json`,
    };
  };
  const compiled = describe(`binding-${key}`, 'compiled', [bindingName, stderrGateName]);
  const prebuilt = await findPrebuilt(context);
  if (prebuilt === undefined) return [compiled];
  const addon = prebuiltBinding(prebuilt, tensorflow);
  const files = addon.files.map(({ file }) => file);
  return [describe(`binding-${prebuiltKey(addon)}`, 'prebuilt', files), compiled];
}

function prebuiltBinding({ manifest }: Prebuilt, tensorflow: LocatedTensorflow): PrebuiltAddon {
  return {
    files: [manifest.binding, manifest.stderrGate],
    links: { [tensorflowLink]: tensorflowTarget(tensorflow) },
  };
}
