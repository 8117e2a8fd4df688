/** Options from several places, one over the other. */
import type { OptionTable } from '../option-table.ts';

/**
 * Where a value comes from: typed, a config file, a preset, the rule, the checkpoint that a run begins with, the
 * run to resume, or the table.
 */
export type Origin = 'flag' | 'file' | 'preset' | 'rule' | 'checkpoint' | 'run' | 'default';

/** What a user gave, and how. */
export interface GivenWithOrigins {
  values: Readonly<Record<string, unknown>>;
  origins: ReadonlyMap<string, Origin>;
}

/**
 * What was typed, over what a config file says.
 *
 * @param together options of which one that is typed takes the place of all of them in the file
 */
export function flagsOverFile(
  flags: Readonly<Record<string, unknown>>,
  file: ReadonlyMap<string, unknown>,
  together: readonly string[] = [],
): GivenWithOrigins {
  const values: Record<string, unknown> = { ...flags };
  const typed = Object.keys(flags).filter((name) => flags[name] !== undefined);
  const origins = new Map<string, Origin>(typed.map((name) => [name, 'flag']));
  const replaced = together.some((name) => origins.has(name)) ? together : [];
  for (const [name, value] of file) {
    if (origins.has(name) || replaced.includes(name)) continue;
    values[name] = value;
    origins.set(name, 'file');
  }
  return { values, origins };
}

/** An option as a command would run with it. */
export interface ShownOption {
  name: string;
  /** null: it has none. */
  value: unknown;
  from: Origin;
}

/** All options of a table, in its order; the first of `origins` that knows a name says where it comes from. */
export function withOrigins(
  table: OptionTable,
  values: Readonly<Record<string, unknown>>,
  ...origins: ReadonlyMap<string, Origin>[]
): ShownOption[] {
  return Object.keys(table).map((name) => {
    const known = origins.find((each) => each.has(name));
    return { name, value: values[name] ?? null, from: known?.get(name) ?? 'default' };
  });
}
