/** Options out of a config file, checked as those that are typed. */
import { readFile, stat } from 'node:fs/promises';
import { didYouMean } from '../did-you-mean.ts';
import { errorMessage, quoted, showValue, UserError } from '../errors.ts';
import { expectation, givenValue, type OptionTable } from '../option-table.ts';
import { type ConfigFile, parseConfig, placeOf } from './parse-config.ts';

/** No config is as long; what is longer is another file. */
const MOST_BYTES = 1 << 20;

/**
 * The options of the config file at `path`, by their names in `table`.
 *
 * @throws UserError `config-file` for a file that cannot be read or parsed, `usage` for what it says
 */
export async function readConfig<Table extends OptionTable>(
  path: string,
  table: Table,
): Promise<Map<string, unknown>> {
  return optionsOf(parseConfig(await readShortText(path), path), table);
}

async function readShortText(path: string): Promise<string> {
  const unreadable = (found: string, cause?: unknown) =>
    new UserError(
      'config-file',
      `expected a config file at ${path}, ${found}`,
      'Check the path that --config names.',
      { cause },
    );
  let bytes: Uint8Array;
  try {
    // Before it is opened: a pipe might be waited for.
    const stats = await stat(path);
    if (!stats.isFile()) throw unreadable('found something else');
    if (stats.size > MOST_BYTES) throw unreadable(`found one of ${stats.size} bytes`);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unreadable(`could not read it: ${errorMessage(error)}`, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw unreadable('found bytes that are not UTF-8', error);
  }
}

/**
 * The values of a config file by the names that the options have in `table`; the file may also call them
 * as their flags are called.
 *
 * @throws UserError `usage` for a name that the table lacks, an option that stands twice, or a value that
 * its flag would not take
 */
export function optionsOf(file: ConfigFile, table: OptionTable): Map<string, unknown> {
  const names = namesOf(table);
  const keys = new Map<string, string>();
  const options = new Map<string, unknown>();
  for (const [key, value] of file.entries) {
    const place = placeOf(file.path, file.lineOf(key));
    const name = names.get(key);
    if (name === undefined) throw unknownKey(place, key, names.keys());
    const other = keys.get(name);
    if (other !== undefined) {
      throw new UserError(
        'usage',
        `${place}: expected one value for an option, found ${other} and ${key}, which are the same`,
        'Leave out one of them.',
      );
    }
    keys.set(name, key);
    options.set(name, checked(place, key, table[name]!, value));
  }
  return options;
}

/** The names that an option may have in a file: the table's, and that of its flag. */
function namesOf(table: OptionTable): Map<string, string> {
  const options = Object.entries(table);
  return new Map([
    ...options.map(([name, { flag }]) => [flag, name] as const),
    ...options.map(([name]) => [name, name] as const),
  ]);
}

function checked(place: string, key: string, spec: OptionTable[string], value: unknown): unknown {
  const given = givenValue(spec, value);
  if (given !== undefined) return given;
  const meant =
    spec.type === 'choice' && typeof value === 'string'
      ? didYouMean(value, spec.choices)
      : undefined;
  throw new UserError(
    'usage',
    `${place}: expected ${key} to be ${expectation(spec)}, found ${showValue(value)}`,
    meant
      ? `Did you mean ${quoted(meant)}?`
      : `${spec.help[0]?.toUpperCase()}${spec.help.slice(1)}.`,
  );
}

function unknownKey(place: string, key: string, names: Iterable<string>): UserError {
  const meant = didYouMean(key, names);
  return new UserError(
    'usage',
    `${place}: expected the name of an option, found ${quoted(key)}`,
    meant ? `Did you mean ${meant}?` : 'Options are called as in --help, without the dashes.',
  );
}
