/** What can be typed where samples are interactive, beside text. */
import { sampleOptions } from '../config/sample.ts';
import { quoted, UserError } from '../errors.ts';
import { type OptionSpec, parseOption } from '../option-table.ts';

/** What a line asks for. */
export type Request =
  | { type: 'text'; text: string }
  | { type: 'help' }
  | { type: 'reset' }
  | { type: 'quit' }
  | { type: 'seed' | 'temperature' | 'length'; value: number }
  | { type: 'save' | 'save-state'; path: string };

interface CommandSpec {
  usage: string;
  help: string;
  parse: (typed: string, usage: string) => Request;
}

function number(type: 'seed' | 'temperature' | 'length', spec: OptionSpec) {
  return (typed: string, usage: string): Request => {
    try {
      return { type, value: parseOption(spec, typed) as number };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // As of the flag, but named as it was typed.
      throw new UserError(
        'usage',
        error.message.replace(/^--/, ':').replace(/found $/, 'found nothing'),
        `Type ${usage}.`,
      );
    }
  };
}

function path(type: 'save' | 'save-state') {
  return (typed: string, usage: string): Request => {
    if (typed !== '') return { type, path: typed };
    throw new UserError('usage', `:${type}: expected a file, found nothing`, `Type ${usage}.`);
  };
}

function plain(type: 'help' | 'reset' | 'quit') {
  return (typed: string, usage: string): Request => {
    if (typed === '') return { type };
    throw new UserError(
      'usage',
      `:${type}: expected nothing after it, found ${quoted(typed)}`,
      `Type ${usage}.`,
    );
  };
}

const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  help: { usage: ':help', help: 'show this', parse: plain('help') },
  reset: { usage: ':reset', help: 'begin a new text, with the same seed', parse: plain('reset') },
  seed: {
    usage: ':seed N',
    help: 'choose what comes next by another seed',
    parse: number('seed', sampleOptions.seed),
  },
  temperature: {
    usage: ':temperature F',
    help: sampleOptions.temperature.help,
    parse: number('temperature', sampleOptions.temperature),
  },
  length: {
    usage: ':length N',
    help: 'tokens to make from a line',
    parse: number('length', sampleOptions.length),
  },
  save: {
    usage: ':save FILE',
    help: 'write the text so far to a new file',
    parse: path('save'),
  },
  'save-state': {
    usage: ':save-state FILE',
    help: 'write where the text is, for sample --continue',
    parse: path('save-state'),
  },
  quit: { usage: ':quit', help: 'end, as Ctrl-D does', parse: plain('quit') },
};

/**
 * What a line means. Without a colon it is text; `::` is a colon that begins text.
 *
 * @throws UserError `usage` for a command that there is not, or one with something wrong behind it
 */
export function parseRequest(line: string): Request {
  if (!line.startsWith(':')) return { type: 'text', text: line };
  if (line.startsWith('::')) return { type: 'text', text: line.slice(1) };
  const [, name = '', typed = ''] = /^:(\S*)\s*(.*)$/s.exec(line) ?? [];
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return command.parse(typed.trim(), command.usage);
  throw new UserError(
    'usage',
    `expected a command, found ${quoted(`:${name}`)}`,
    'Type :help for what there is; :: begins a text with a colon.',
  );
}

/** What `:help` says, line by line. */
export function requestHelp(): string[] {
  const width = 2 + Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length));
  return [
    'A line is text that the model goes on from; an empty line just goes on.',
    'Ctrl-C stops the text that is being made. :: begins a line with a colon.',
    ...Object.values(COMMANDS).map(({ usage, help }) => `  ${usage.padEnd(width)}${help}`),
  ];
}
