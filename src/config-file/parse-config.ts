/** The keys and values of a config file in TOML, YAML or JSON. */
import { extname } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { LineCounter, parseDocument, type Document as YamlDocument } from 'yaml';
import { errorMessage, quoted, UserError } from '../errors.ts';

/** What a config file says. Its values may be anything that its format has. */
export interface ConfigFile {
  readonly path: string;
  /** A map, so that no key can be taken for a property that every object has. */
  readonly entries: ReadonlyMap<string, unknown>;
  /** The line on which a key stands, from 1; undefined where that is not known. */
  lineOf(key: string): number | undefined;
}

type Parse = (text: string, path: string) => Omit<ConfigFile, 'path'>;

const FORMATS: ReadonlyMap<string, Parse> = new Map([
  ['.toml', parseTomlConfig],
  ['.yaml', parseYamlConfig],
  ['.yml', parseYamlConfig],
  ['.json', parseJsonConfig],
]);

/**
 * What the text of the config file at `path` says, in the format that its ending names.
 *
 * @throws UserError `config-file` for another ending, a text that is not of that format, a key that stands
 * twice, or one that is no text
 */
export function parseConfig(text: string, path: string): ConfigFile {
  const parse = FORMATS.get(extname(path).toLowerCase());
  if (!parse) {
    throw new UserError(
      'config-file',
      `${path}: expected a name that ends in ${[...FORMATS.keys()].join(', ')}, found another`,
      'The ending says what the file is written in: rename it.',
    );
  }
  return { path, ...parse(text, path) };
}

function parseTomlConfig(text: string, path: string): Omit<ConfigFile, 'path'> {
  let table: object;
  try {
    table = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = ''] = error.message.split('\n');
    throw malformed(path, error.line, 'TOML', what.replace(/^Invalid TOML document: /, ''), error);
  }
  return {
    entries: new Map(Object.entries(table)),
    lineOf: (key) => lineOfTomlKey(text, key),
  };
}

/** The parser tells no lines of keys: where the text up to a line lacks the key, and the line has its name. */
function lineOfTomlKey(text: string, key: string): number | undefined {
  const lines = text.split('\n');
  const index = lines.findIndex((line, i) => {
    if (!line.includes(key)) return false;
    try {
      return !Object.hasOwn(parseToml(lines.slice(0, i).join('\n')), key) && isKeyOf(line, key);
    } catch {
      // It ends within a value.
      return false;
    }
  });
  return index < 0 ? undefined : index + 1;
}

/** Whether a line of TOML begins with `key` or `[key`, in quotes or without. */
function isKeyOf(line: string, key: string): boolean {
  const [, double, single, plain] =
    /^[\s[]*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*[=.\]]/.exec(line) ?? [];
  return (double ?? single ?? plain) === key;
}

function parseYamlConfig(text: string, path: string): Omit<ConfigFile, 'path'> {
  const counter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    logLevel: 'error',
  });
  const lineAt = (offset: number) => counter.linePos(offset).line;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw malformed(path, lineAt(problem.pos[0]), 'YAML', problem.message, problem);
  let entries: unknown;
  try {
    entries = document.toJS({ mapAsMap: true });
  } catch (error) {
    // Aliases that name nothing, or stand for too much.
    throw malformed(path, undefined, 'YAML', errorMessage(error), error);
  }
  // A file of comments alone is an empty one.
  if (entries === null || entries === undefined) return { entries: new Map(), lineOf: () => 1 };
  if (!(entries instanceof Map)) throw noMapping(path);
  const lines = keyLines(document, lineAt);
  for (const key of entries.keys()) {
    if (typeof key === 'string') continue;
    throw malformed(path, lines.get(key), 'keys that are names', `the key ${String(key)}`);
  }
  return { entries, lineOf: (key) => lines.get(key) };
}

function keyLines(document: YamlDocument, lineAt: (offset: number) => number) {
  const { items } = document.contents as unknown as {
    items: { key: { value?: unknown; range?: readonly number[] } }[];
  };
  return new Map(items.map(({ key }) => [key.value, key.range && lineAt(key.range[0]!)]));
}

function parseJsonConfig(text: string, path: string): Omit<ConfigFile, 'path'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(path, undefined, 'JSON', errorMessage(error), error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw noMapping(path);
  // What is JSON is YAML, too, whose parser knows lines, and keys that stand twice.
  return parseYamlConfig(text, path);
}

function malformed(
  path: string,
  line: number | undefined,
  expected: string,
  found: string,
  cause?: unknown,
): UserError {
  return new UserError(
    'config-file',
    `${placeOf(path, line)}: expected ${expected}, found something else: ${quoted(found, 300).slice(1, -1)}`,
    'Mend the file; gru-lm <command> --print-config prints one that is right.',
    { cause },
  );
}

function noMapping(path: string): UserError {
  return new UserError(
    'config-file',
    `${path}: expected names of options with their values, found something else`,
    'Write an option and its value on each line, such as hidden: 256.',
  );
}

/** `run.toml, line 3` */
export function placeOf(path: string, line: number | undefined): string {
  return line === undefined ? path : `${path}, line ${line}`;
}
