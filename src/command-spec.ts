/** What a command is: all that the command line, `--help`, completion and the reference are made of. */

import { configOptions } from './config/shared.ts';
import type { Origin } from './config-file/origins.ts';
import type { OptionTable } from './option-table.ts';

/** What every command's module exports as `run`. */
export type Run = (
  given: never,
  operands: string[],
  signal: AbortSignal,
  commands: readonly CommandSpec[],
) => Promise<void>;

/** The options that a command would run with, and where those come from that nobody gave. */
export interface Resolved {
  values: Readonly<Record<string, unknown>>;
  origins: ReadonlyMap<string, Origin>;
}

export interface CommandSpec {
  name: string;
  operands?: string;
  summary: string;
  examples: string[];
  options: OptionTable;
  /** More to be said after the options. */
  notes?: string[];
  load: () => Promise<{ run: Run }>;
  /** Whether `--config` gives options, too. */
  takesConfig?: boolean;
  /** Options of which one that is typed takes the place of all of them in a config file. */
  together?: readonly string[];
  /** For a command whose options follow from more than the table: what `--print-config` prints. */
  resolve?: (given: never, operands: string[], signal: AbortSignal) => Promise<Resolved>;
}

/** The options that can be typed after a command, without those that all have. */
export function typedOptions({ options, takesConfig }: CommandSpec): OptionTable {
  return takesConfig ? { ...options, ...configOptions } : options;
}

/** What all commands take. */
export const COMMON_OPTIONS = [
  ['--no-color', 'no colours'],
  ['--debug', 'show the stack of an error'],
] as const;
