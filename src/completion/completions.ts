/** What can be typed where, for the scripts of the shells. */
import { COMMON_OPTIONS, type CommandSpec, typedOptions } from '../command-spec.ts';
import type { OptionSpec } from '../option-table.ts';

/** What a value may be: files, directories, one of some words, or what nobody can guess. */
export type ValueKind = 'file' | 'directory' | 'any' | readonly string[];

export interface TypedOption {
  /** With their dashes, the long one last. */
  flags: readonly string[];
  help: string;
  /** undefined: it takes none. */
  value: ValueKind | undefined;
  /** Whether it takes all values that follow. */
  takesMany: boolean;
  /** Whether it may be given again. */
  mayRepeat: boolean;
}

export interface TypedCommand {
  name: string;
  summary: string;
  /** What it works on; the last kind goes on where it takes any number. */
  operands: readonly { name: string; kind: ValueKind; isMany: boolean }[];
  options: readonly TypedOption[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** By the names that operands have in usages. */
const OPERANDS: Readonly<Record<string, ValueKind>> = {
  corpus: 'file',
  checkpoint: 'directory',
  directory: 'directory',
  file: 'file',
  shell: SHELLS,
};
/** By what stands for a value in the help. */
const PLACEHOLDERS: Readonly<Record<string, ValueKind>> = {
  FILE: 'file',
  DIR: 'directory',
  PATH: 'directory',
  CHECKPOINT: 'directory',
};

const HELP: TypedOption = {
  ...{ flags: ['-h', '--help'], help: 'show how it is used', value: undefined },
  ...{ takesMany: false, mayRepeat: false },
};
export const VERSION: TypedOption = {
  ...HELP,
  flags: ['-v', '--version'],
  help: 'print the version',
};

/** The commands with all that can be typed after each, `help` among them. */
export function typedCommands(commands: readonly CommandSpec[]): TypedCommand[] {
  const names = commands.map(({ name }) => name);
  return [
    ...commands.map(typedCommand),
    {
      name: 'help',
      summary: 'show how a command is used',
      operands: [{ name: 'command', kind: names, isMany: false }],
      options: [],
    },
  ];
}

function typedCommand(spec: CommandSpec): TypedCommand {
  const common = COMMON_OPTIONS.map(([flag, help]) => ({ ...HELP, flags: [flag], help }));
  return {
    name: spec.name,
    summary: spec.summary,
    operands: (spec.operands?.match(/[\w.]+/g) ?? []).map((operand) => {
      const name = operand.replace('...', '');
      return { name, kind: OPERANDS[name] ?? 'any', isMany: operand.endsWith('...') };
    }),
    options: [...Object.values(typedOptions(spec)).map(typedOption), ...common, HELP],
  };
}

function typedOption(spec: OptionSpec): TypedOption {
  const isList = spec.type === 'texts';
  const letter = spec.type === 'switch' && spec.letter ? [`-${spec.letter}`] : [];
  return {
    flags: [...letter, `--${spec.flag}`],
    help: spec.help,
    value: valueKind(spec),
    takesMany: isList && !spec.oneAFlag,
    mayRepeat: isList,
  };
}

function valueKind(spec: OptionSpec): ValueKind | undefined {
  switch (spec.type) {
    case 'switch':
      return undefined;
    case 'choice':
      return spec.choices;
    case 'text':
    case 'texts':
      return PLACEHOLDERS[spec.placeholder] ?? 'any';
    default:
      return 'any';
  }
}
