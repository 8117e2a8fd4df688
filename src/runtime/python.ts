import { UserError } from '../errors.ts';
import type { RuntimeContext } from './context.ts';
import { runChild, SpawnError } from './process.ts';

/** A Python interpreter and what it has installed; TensorFlow is not imported to find out. */
export interface Python {
  /** The command that starts it. */
  command: string;
  version: string;
  pipVersion: string | undefined;
  tensorflow: { version: string; directory: string } | undefined;
}

/**
 * Takes the directory at hand from the front of the path of modules, where Python puts it for `-c` and `-m`: a
 * `json.py` that lies there is the user's, and not Python's.
 */
const ownModulesOnly = `
import sys
if sys.path[:1] == ['']: del sys.path[0]
`;

const inquiry = `${ownModulesOnly}
import importlib.util as util, json
from importlib import metadata
def version(*names):
    for name in names:
        try: return metadata.version(name)
        except metadata.PackageNotFoundError: pass
def found(name):
    try: return util.find_spec(name)
    except (ImportError, ValueError): return None
tensorflow = found('tensorflow')
places = list(tensorflow.submodule_search_locations or []) if tensorflow else []
print(json.dumps({
    'version': '.'.join(map(str, sys.version_info[:3])),
    'pip': (version('pip') or 'unknown') if found('pip') else None,
    'tensorflow': {'directory': places[0], 'version': version('tensorflow', 'tensorflow-cpu') or ''}
        if places else None,
}))
`;

/** What makes a Python run its pip, before pip's own arguments. */
export const pipCommand = [
  '-c',
  `${ownModulesOnly}import runpy; runpy.run_module('pip', run_name='__main__', alter_sys=True)`,
];

const known = new WeakMap<NodeJS.ProcessEnv, Answers>();
const timeoutMs = 20_000;

interface Answers {
  pythons: Python[];
  /** The commands that did not answer in time. */
  slow: string[];
}

/** Every Python that the settings or the PATH name, in the order of preference. */
export async function findPythons(context: RuntimeContext): Promise<Python[]> {
  return (await findAnswers(context)).pythons;
}

/** They are asked once for each set of environment variables. */
async function findAnswers(context: RuntimeContext): Promise<Answers> {
  const answers = known.get(context.env) ?? (await askPythons(context));
  known.set(context.env, answers);
  return answers;
}

async function askPythons(context: RuntimeContext): Promise<Answers> {
  const named = context.env.GRU_LM_PYTHON;
  const pythons: Python[] = [];
  const slow: string[] = [];
  for (const command of named ? [named] : ['python3', 'python']) {
    const python = await askPython(command, context);
    if (python === 'slow') slow.push(command);
    else if (python !== undefined) pythons.push(python);
  }
  if (named && pythons.length === 0) {
    const found =
      slow.length > 0
        ? `did not answer within ${timeoutMs / 1000} seconds`
        : 'cannot be run as one';
    throw new UserError(
      'runtime-python',
      `GRU_LM_PYTHON should name a Python 3.8 or newer; "${named}" ${found}.`,
      'Correct GRU_LM_PYTHON, or unset it to use the python3 on the PATH.',
    );
  }
  return { pythons, slow };
}

/** The first Python that has pip; a `UserError` if there is none. */
export async function requirePip(context: RuntimeContext): Promise<Python> {
  const { library, instead } = context.part;
  const { pythons, slow } = await findAnswers(context);
  const withPip = pythons.find((python) => python.pipVersion !== undefined);
  if (withPip !== undefined) return withPip;
  const first = pythons[0];
  if (first === undefined && slow.length > 0) {
    throw new UserError(
      'runtime-python',
      `${library} is fetched by pip, which needs Python 3; ${slow.join(' and ')} did not answer within ${timeoutMs / 1000} seconds.`,
      `Try again when the machine is less busy, name another Python in GRU_LM_PYTHON, or ${instead}.`,
    );
  }
  if (first === undefined) {
    throw new UserError(
      'runtime-python',
      `${library} is fetched by pip, which needs Python 3; no python3 or python is on the PATH.`,
      `Install Python with pip (Debian and Ubuntu: apt install python3-pip), name one in GRU_LM_PYTHON, or ${instead}.`,
    );
  }
  throw new UserError(
    'runtime-pip',
    `${library} is fetched by pip; ${first.command} (Python ${first.version}) has no pip.`,
    `Install pip (Debian and Ubuntu: apt install python3-pip; elsewhere: python3 -m ensurepip --user), name another Python in GRU_LM_PYTHON, or ${instead}.`,
  );
}

async function askPython(
  command: string,
  context: RuntimeContext,
): Promise<Python | 'slow' | undefined> {
  try {
    const result = await runChild(command, ['-c', inquiry], {
      env: context.env,
      signal: context.signal,
      timeoutMs,
    });
    if (result.timedOut) return 'slow';
    if (result.code !== 0) return undefined;
    const answer = JSON.parse(result.stdout) as {
      version: string;
      pip: string | null;
      tensorflow: { version: string; directory: string } | null;
    };
    return {
      command,
      version: answer.version,
      pipVersion: answer.pip ?? undefined,
      tensorflow: answer.tensorflow ?? undefined,
    };
  } catch (error) {
    if (error instanceof SpawnError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
