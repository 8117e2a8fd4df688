/**
 * The program: takes the command line apart, loads the command that is asked for, and turns what it throws into a
 * message and an exit code.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { commands } from './command-list.ts';
import { COMMON_OPTIONS, type CommandSpec, typedOptions } from './command-spec.ts';
import { cutMiddle, errorStyle, notice, showMessage } from './commands/terminal.ts';
import { givenWith, printConfig } from './commands/with-config.ts';
import { OUTPUT } from './config/shared.ts';
import { UserError } from './errors.ts';
import { turnEventLoop } from './event-loop.ts';
import { listenForInterruption } from './interruption.ts';
import { flagHelp, flagUsage, parseOption } from './option-table.ts';

/** Runs the command line `argv` and sets the process's exit code. */
export async function main(argv: string[]): Promise<void> {
  const interruption = listenForInterruption();
  process.on('uncaughtException', (error) => process.exit(show(error, argv)));
  let failed: number | undefined;
  try {
    await buildProgram(interruption.signal).parseAsync(argv);
  } catch (error) {
    if (!isAbort(error)) failed = report(error, argv);
  }
  // What the last output has come to is known a turn later.
  await turnEventLoop();
  const failure = interruption.failure();
  if (failure) show(failure, argv);
  process.exitCode = failed || (interruption.exitCode() ?? 0);
  interruption.stop();
}

/** Whether a command ended only because it was asked to. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function buildProgram(signal: AbortSignal): Command {
  const program = new Command('gru-lm')
    .description('Trains GRU language models on your own text, on TensorFlow.js.')
    .version(readVersion(), '-v, --version', 'print the version')
    .configureOutput({ outputError: () => {} })
    .configureHelp({ minWidthToWrap: 20 })
    .exitOverride();
  for (const spec of commands) {
    const command = program
      .command(spec.operands ? `${spec.name} ${spec.operands}` : spec.name)
      .description(spec.summary)
      .addHelpText('after', spec.notes ? ['', ...spec.notes].join('\n') : '')
      .addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  ${line}`).join('\n')}`)
      .showSuggestionAfterError()
      .exitOverride();
    const attributes = addOptions(command, spec);
    command.action(async (...args: unknown[]) => {
      const values = args.at(-2) as Record<string, unknown>;
      const {
        config,
        printConfig: isPrinting,
        ...flags
      } = Object.fromEntries(attributes.map(([name, attribute]) => [name, values[attribute]]));
      const operands = (args.slice(0, -2) as (string | string[] | undefined)[])
        .flat()
        .filter((operand) => operand !== undefined);
      const given = await givenWith(spec, flags, config as string | undefined);
      if (isPrinting) return printConfig(spec, given, operands, signal);
      const { run } = await spec.load();
      await run(given.values as never, operands, signal, commands);
    });
  }
  return program;
}

/** Declares a command's options; returns their names with the attributes that commander gives them. */
function addOptions(command: Command, declared: CommandSpec): [string, string][] {
  const attributes: [string, string][] = [];
  for (const [name, spec] of Object.entries(typedOptions(declared))) {
    const option = new Option(flagUsage(spec), flagHelp(spec)).helpGroup(spec.group);
    if (spec.type === 'texts') {
      option.argParser((typed, previous: unknown) => [
        ...((previous as string[] | undefined) ?? []),
        parseOption(spec, typed),
      ]);
    } else if (spec.type !== 'switch') {
      option.argParser((typed) => parseOption(spec, typed));
      if (spec.type === 'text' && spec.bare !== undefined) option.preset(spec.bare);
    }
    command.addOption(option);
    // What the rule, a preset or a config file turns on may be turned off again.
    if (spec.type === 'switch' && (spec.negatable || declared.takesConfig)) {
      command.addOption(new Option(`--no-${spec.flag}`).hideHelp());
    }
    attributes.push([name, option.attributeName()]);
  }
  for (const [flag, help] of COMMON_OPTIONS) {
    command.addOption(new Option(flag, help).helpGroup(OUTPUT));
  }
  return attributes;
}

/** Shows what went wrong and returns the exit code. */
function report(error: unknown, argv: string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2;
    return show(usageError(error, argv), argv);
  }
  return show(error, argv);
}

/** Commander's complaint in our words: what is wrong, then what to do. */
function usageError(error: CommanderError, argv: string[]): UserError {
  const [first = '', suggestion] = error.message.split('\n');
  const did = suggestion?.match(/Did you mean (.*)\?/)?.[1];
  const spec = commands.find(({ name }) => name === argv[2]);
  const taken = spec && error.code === 'commander.missingArgument' && takenByFlag(spec, argv);
  const help = spec
    ? `gru-lm ${spec.name} --help shows what there is.`
    : 'gru-lm --help and gru-lm <command> --help show what there is.';
  return new UserError(
    'usage',
    first.replace(/^error: /, ''),
    did ? `Did you mean ${did}?` : taken || help,
    { cause: error },
  );
}

/** What to do about a flag that has taken the operand that comes after it as a value of its own. */
function takenByFlag(spec: CommandSpec, argv: string[]): string | undefined {
  for (const option of Object.values(typedOptions(spec))) {
    const takes = option.type === 'texts' ? !option.oneAFlag : 'bare' in option;
    const flag = `--${option.flag}`;
    const at = argv.indexOf(flag);
    if (!takes || at < 0) continue;
    const isFlag = (word: string) => word.length > 1 && word.startsWith('-');
    const after = argv.slice(at + 1);
    const end = after.findIndex(isFlag);
    const values = end < 0 ? after : after.slice(0, end);
    const value = option.type === 'texts' ? values.at(-1) : values[0];
    if (value === undefined) continue;
    return `${flag} took "${value}" as a value of its own; write ${spec.operands} before ${flag}.`;
  }
  return undefined;
}

/** What the stack of an error may take of the screen. */
const LONGEST_STACK = 20_000;

function show(error: unknown, argv: string[]): number {
  const label = errorStyle.red('error:');
  if (error instanceof UserError) {
    notice(`${label} ${showMessage(error.message)}`);
    if (error.hint) notice(`  ${showMessage(error.hint)}`);
    if (argv.includes('--debug')) {
      notice(cutMiddle(`${error.stack}\n${error.cause ?? ''}`, LONGEST_STACK));
    }
    return error.exitCode;
  }
  const stack = String(error instanceof Error ? error.stack : error);
  notice(`${label} this is a bug in gru-lm; please report it with what follows.`);
  notice(cutMiddle(stack, LONGEST_STACK));
  return 1;
}

function readVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
