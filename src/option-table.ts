/**
 * Options declared once: from one table come the flags, their help, the parsing and checking of what
 * a user gives, and the types of the values.
 */
import { didYouMean } from './did-you-mean.ts';
import { showValue, UserError } from './errors.ts';

interface Described {
  /** The name on the command line, without dashes. */
  flag: string;
  help: string;
  /** The heading of `--help` under which it stands. */
  group: string;
  /** What a stored config means that was written before there was this option. Default: its default. */
  absent?: string | number;
  /** What the help says of a default that a command finds out by more than its options. */
  defaultNote?: string;
}

interface NumberSpec extends Described {
  type: 'integer' | 'number';
  default?: number;
  /** The smallest value that is allowed. */
  min?: number;
  /** What the value must be greater than. */
  above?: number;
  /** The largest value that is allowed. */
  max?: number;
  /** What the value must be less than. */
  below?: number;
}

interface IntegersSpec extends Described {
  /** Whole numbers above 0, each above the one before, given as `2000,10000`. */
  type: 'integers';
}

interface DurationSpec extends Described {
  /** Seconds, given as `90s`, `5m` or `2h`. */
  type: 'duration';
  default?: number;
}

interface ChoiceSpec extends Described {
  type: 'choice';
  choices: readonly string[];
  default?: string;
}

interface TextSpec extends Described {
  type: 'text';
  /** What stands for the value in the help, such as `FILE`. */
  placeholder: string;
  default?: string;
  /** The value of the flag alone, where that may stand alone. */
  bare?: string;
}

interface TextsSpec extends Described {
  type: 'texts';
  placeholder: string;
  /** One text a flag, which may be given again, instead of as many as come after it. */
  oneAFlag?: boolean;
}

interface SwitchSpec extends Described {
  type: 'switch';
  /** The flag in one letter. */
  letter?: string;
  /** Whether `--no-…` takes it back, for what the rule or a preset may turn on. */
  negatable?: boolean;
}

export type OptionSpec =
  | NumberSpec
  | IntegersSpec
  | DurationSpec
  | ChoiceSpec
  | TextSpec
  | TextsSpec
  | SwitchSpec;

/** The options of a command, by the names that they have in code. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

type ValueOf<Spec extends OptionSpec> = Spec extends SwitchSpec
  ? boolean
  : Spec extends TextsSpec
    ? string[]
    : Spec extends IntegersSpec
      ? number[]
      : Spec extends ChoiceSpec
        ? Spec['choices'][number]
        : Spec extends TextSpec
          ? string
          : number;

/** The values of a table's options; those without a default may be absent. */
export type OptionValues<Table extends OptionTable> = {
  -readonly [Name in keyof Table as Table[Name] extends { default: unknown } | SwitchSpec
    ? Name
    : never]: ValueOf<Table[Name]>;
} & {
  -readonly [Name in keyof Table as Table[Name] extends { default: unknown } | SwitchSpec
    ? never
    : Name]?: ValueOf<Table[Name]>;
};

/** What a user gave of a table's options. */
export type GivenOptions<Table extends OptionTable> = Partial<OptionValues<Table>>;

/** The values for what was given: defaults where it is silent. */
export function withDefaults<Table extends OptionTable>(
  table: Table,
  ...given: GivenOptions<Table>[]
): OptionValues<Table> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    if (spec.type === 'switch') values[name] = false;
    else if ('default' in spec) values[name] = spec.default;
  }
  for (const layer of given) {
    for (const [name, value] of Object.entries(layer)) {
      if (value !== undefined) values[name] = value;
    }
  }
  return values as OptionValues<Table>;
}

/** Turns what was typed after a flag into a value; throws a `usage` error that says what fits. */
export function parseOption(spec: OptionSpec, typed: string): unknown {
  switch (spec.type) {
    case 'integer':
    case 'number':
      return checkNumber(spec, typed, typed.trim() === '' ? Number.NaN : Number(typed));
    case 'integers':
      return parseIntegers(spec, typed);
    case 'duration':
      return parseDuration(spec, typed);
    case 'choice':
      if (!spec.choices.includes(typed)) throw noChoice(spec, typed);
      return typed;
    case 'text':
    case 'texts':
      if (typed === '') throw misfit(spec, `a ${spec.placeholder.toLowerCase()}`, 'nothing');
      return typed;
    case 'switch':
      return true;
  }
}

/**
 * Checks values that were stored, such as a checkpoint's config: every known name must hold a value
 * that its flag would take. Names that the table lacks are left out.
 *
 * @param where the file, for the message
 * @throws UserError `checkpoint-damaged` naming the field
 */
export function parseStored<Table extends OptionTable>(
  table: Table,
  stored: Readonly<Record<string, unknown>>,
  where: string,
): OptionValues<Table> {
  const given: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    const value = (Object.hasOwn(stored, name) ? stored[name] : undefined) ?? spec.absent;
    if (value === undefined || value === null) continue;
    if (!fits(spec, value)) {
      throw new UserError(
        'checkpoint-damaged',
        `${where}: expected "${name}" to be ${expectation(spec)}, found ${showValue(value)}`,
        'The checkpoint is damaged: use another one.',
      );
    }
    given[name] = value;
  }
  return withDefaults(table, given as GivenOptions<Table>);
}

/** What is wrong with a value that was given as JSON; undefined: nothing. */
export function misfitOf(spec: OptionSpec, value: unknown): string | undefined {
  if (fits(spec, value)) return undefined;
  return `expected ${expectation(spec)}, found ${showValue(value)}`;
}

/**
 * The value of an option that a config file or a program gives, where its flag would take it; otherwise
 * undefined. A time is a text as after the flag, or a number of seconds.
 */
export function givenValue(spec: OptionSpec, value: unknown): unknown {
  if (spec.type === 'duration' && typeof value === 'string') return secondsOf(value);
  if (!fits(spec, value) || value === Number.POSITIVE_INFINITY) return undefined;
  return [value].flat().includes('') ? undefined : value;
}

/** `--hidden <N>`, as the help shows it. */
export function flagUsage(spec: OptionSpec): string {
  const flag = `--${spec.flag}`;
  switch (spec.type) {
    case 'switch':
      return spec.letter === undefined ? flag : `-${spec.letter}, ${flag}`;
    case 'integer':
      return `${flag} <N>`;
    case 'number':
      return `${flag} <F>`;
    case 'integers':
      return `${flag} <N,N>`;
    case 'duration':
      return `${flag} <TIME>`;
    case 'choice':
      return `${flag} <${spec.choices.join('|').length <= 24 ? spec.choices.join('|') : 'NAME'}>`;
    case 'text':
      return `${flag} ${spec.bare === undefined ? `<${spec.placeholder}>` : `[${spec.placeholder}]`}`;
    case 'texts':
      return `${flag} <${spec.placeholder}${spec.oneAFlag ? '' : '...'}>`;
  }
}

/** What a user would type to give these values, in the order of the table: `--hidden 512 --tied`. */
export function flagsOf<Table extends OptionTable>(
  table: Table,
  given: GivenOptions<Table>,
): string {
  const values = given as Record<string, unknown>;
  return Object.entries(table)
    .filter(([name, spec]) => values[name] !== undefined && !isSilent(spec, values[name]))
    .map(([name, spec]) => flagOf(spec, values[name]))
    .join(' ');
}

/** Whether nothing that can be typed gives the value, which is then the one without the flag. */
function isSilent(spec: OptionSpec, value: unknown): boolean {
  return spec.type === 'switch' && value === false && !spec.negatable;
}

function flagOf(spec: OptionSpec, value: unknown): string {
  if (spec.type === 'switch') return `--${value ? '' : 'no-'}${spec.flag}`;
  if (spec.type === 'texts' && spec.oneAFlag) {
    return (value as string[]).map((text) => `--${spec.flag} ${text}`).join(' ');
  }
  const typed = [value].flat().map((one) => (spec.type === 'duration' ? showDuration(one) : one));
  return `--${spec.flag} ${typed.join(' ')}`;
}

/** In the largest unit of which it is a whole number. */
export function showDuration(value: unknown): string {
  const seconds = value as number;
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

/** The help with the default and, where the usage does not show them, the choices. */
export function flagHelp(spec: OptionSpec): string {
  const notes: string[] = [];
  if (spec.type === 'choice' && flagUsage(spec).endsWith('<NAME>')) {
    notes.push(spec.choices.join(', '));
  }
  if (spec.defaultNote !== undefined) {
    notes.push(`default ${spec.defaultNote}`);
  } else if ('default' in spec && spec.default !== undefined) {
    notes.push(`default ${spec.type === 'duration' ? `${spec.default}s` : spec.default}`);
  }
  return notes.length > 0 ? `${spec.help} (${notes.join('; ')})` : spec.help;
}

function checkNumber(spec: NumberSpec, typed: string, value: number): number {
  if (!fitsNumber(spec, value)) throw misfit(spec, expectation(spec), typed);
  return value;
}

function fitsNumber(spec: NumberSpec, value: number): boolean {
  return (
    Number.isFinite(value) &&
    (spec.type !== 'integer' || Number.isSafeInteger(value)) &&
    value >= (spec.min ?? Number.NEGATIVE_INFINITY) &&
    value <= (spec.max ?? Number.POSITIVE_INFINITY) &&
    value > (spec.above ?? Number.NEGATIVE_INFINITY) &&
    value < (spec.below ?? Number.POSITIVE_INFINITY)
  );
}

function fits(spec: OptionSpec, value: unknown): boolean {
  switch (spec.type) {
    case 'integer':
    case 'number':
      return typeof value === 'number' && fitsNumber(spec, value);
    case 'integers':
      return Array.isArray(value) && areIncreasing(value);
    case 'duration':
      return typeof value === 'number' && value > 0;
    case 'choice':
      return typeof value === 'string' && spec.choices.includes(value);
    case 'text':
      return typeof value === 'string';
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    case 'switch':
      return typeof value === 'boolean';
  }
}

/** What a value must be, for a message. */
export function expectation(spec: OptionSpec): string {
  switch (spec.type) {
    case 'integer':
    case 'number': {
      const bounds = [
        spec.min === undefined ? undefined : `at least ${spec.min}`,
        spec.above === undefined ? undefined : `above ${spec.above}`,
        spec.max === undefined ? undefined : `at most ${spec.max}`,
        spec.below === undefined ? undefined : `below ${spec.below}`,
      ].filter((bound) => bound !== undefined);
      const kind = spec.type === 'integer' ? 'a whole number' : 'a number';
      return bounds.length > 0 ? `${kind} ${bounds.join(' and ')}` : kind;
    }
    case 'integers':
      return 'increasing whole numbers above 0, such as 2000,10000';
    case 'duration':
      return 'a time such as 90s, 5m or 2h';
    case 'choice':
      return `one of ${list(spec.choices)}`;
    case 'text':
      return 'a text';
    case 'texts':
      return 'a list of texts';
    case 'switch':
      return 'true or false';
  }
}

function areIncreasing(values: readonly unknown[]): boolean {
  const follows = (value: unknown, i: number) =>
    Number.isSafeInteger(value) && (value as number) > (i === 0 ? 0 : (values[i - 1] as number));
  return values.length > 0 && values.every(follows);
}

function parseIntegers(spec: IntegersSpec, typed: string): number[] {
  const values = typed.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!areIncreasing(values)) throw misfit(spec, expectation(spec), typed);
  return values;
}

function parseDuration(spec: DurationSpec, typed: string): number {
  const seconds = secondsOf(typed);
  if (seconds === undefined) throw misfit(spec, expectation(spec), typed);
  return seconds;
}

/** What `90s`, `5m` or `2h` is in seconds; undefined for anything else. */
function secondsOf(typed: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)$/.exec(typed);
  const seconds = match ? Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] as 's']! : 0;
  return seconds > 0 && Number.isFinite(seconds) ? seconds : undefined;
}

function misfit(spec: OptionSpec, expected: string, found: string): UserError {
  return new UserError(
    'usage',
    `--${spec.flag}: expected ${expected}, found ${found}`,
    `Give --${spec.flag} ${expected}.`,
  );
}

function noChoice(spec: ChoiceSpec, typed: string): UserError {
  const { message, hint } = misfit(spec, expectation(spec), typed);
  const meant = didYouMean(typed, spec.choices);
  return new UserError('usage', message, meant ? `Did you mean --${spec.flag} ${meant}?` : hint);
}

function list(choices: readonly string[]): string {
  return choices.join(', ');
}
