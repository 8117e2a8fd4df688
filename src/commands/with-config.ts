/** `--config` and `--print-config`, for the commands that take them. */
import type { CommandSpec } from '../command-spec.ts';
import { flagsOverFile, type GivenWithOrigins, withOrigins } from '../config-file/origins.ts';
import { type GivenOptions, type OptionTable, withDefaults } from '../option-table.ts';
import { printJson, printLine } from './terminal.ts';

/**
 * What was typed, over what the config file at `path` says, if one is named.
 *
 * @throws UserError as `readConfig`
 */
export async function givenWith(
  { options, together }: CommandSpec,
  flags: Readonly<Record<string, unknown>>,
  path: string | undefined,
): Promise<GivenWithOrigins> {
  if (path === undefined) return flagsOverFile(flags, new Map());
  const { readConfig } = await import('../config-file/read-config.ts');
  return flagsOverFile(flags, await readConfig(path, options), together);
}

/** Prints the options that a command would run with, and runs nothing. */
export async function printConfig(
  { name, options: table, resolve }: CommandSpec,
  given: GivenWithOrigins,
  operands: string[],
  signal: AbortSignal,
): Promise<void> {
  const { values, origins } = (await resolve?.(given.values as never, operands, signal)) ?? {
    values: withDefaults(table, given.values as GivenOptions<OptionTable>),
    origins: new Map(),
  };
  const options = withOrigins(table, values, given.origins, origins);
  if (given.values.json) {
    const entries = options.map(({ name: option, ...rest }) => [option, rest]);
    printJson({ command: name, options: Object.fromEntries(entries) });
  } else {
    const { configText } = await import('../config-file/config-text.ts');
    for (const line of configText(name, table, options)) printLine(line);
  }
}
