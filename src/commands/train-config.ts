import type { Resolved } from '../command-spec.ts';
import { withoutUseless } from '../config/tokenizer-options.ts';
import { presetOptions } from '../config/train.ts';
import type { trainOptions } from '../config/train-options.ts';
import type { Origin } from '../config-file/origins.ts';
import type { GivenOptions } from '../option-table.ts';
import { startBackend } from './start-backend.ts';
import { decide, prepare } from './train.ts';
import { NEVER_KEPT } from './train-resume.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * The options that `gru-lm train` would run with: the text is read, the rule asked and the machine looked at
 * as for a run, but nothing is trained or written.
 */
export async function resolveConfig(
  given: GivenOptions<typeof trainOptions>,
  corpus: string[],
  signal: AbortSignal,
): Promise<Resolved> {
  const prepared = await untilAborted(prepare(given, corpus, signal, 'look'), signal);
  try {
    const backend = await startBackend(prepared.options, signal);
    const { options, byRule, directory, initial, resumable } = decide(prepared, given, backend);
    const origins = new Map<string, Origin>();
    const add = (values: object, from: Origin) => {
      for (const name of Object.keys(values)) origins.set(name, from);
    };
    if (given.preset) add(withoutUseless(presetOptions(given.preset), given), 'preset');
    if (initial) add(initial.options, 'checkpoint');
    if (resumable) add(resumable.model.options, 'run');
    for (const name of NEVER_KEPT) if (origins.get(name) === 'run') origins.delete(name);
    add(byRule, 'rule');
    return { values: { ...options, out: directory }, origins: overDefaults(origins, options) };
  } finally {
    await prepared.dataset.close();
  }
}

/** Without the names of what did not come into it, such as a preset's limit where another was given. */
function overDefaults(origins: ReadonlyMap<string, Origin>, values: object) {
  const names = new Set(Object.keys(values));
  return new Map([...origins].filter(([name]) => names.has(name)));
}
