import type { TypedCommand, TypedOption, ValueKind } from './completions.ts';

/** A script that makes fish complete what follows `gru-lm`. */
export function fishScript(commands: readonly TypedCommand[]): string {
  return `# What fish completes after gru-lm. Made by gru-lm completion fish.
# Whether the first word that is no option is $argv[1]; '' is none.
function __gru_lm_command_is
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        test "$word" = "$argv[1]"
        return
    end
    test "$argv[1]" = ''
end
# Whether the last word that is an option is $argv[1].
function __gru_lm_option_is
    set -l options (string match -- '-*' (commandline -opc))
    test "$options[-1]" = "$argv[1]"
end
complete -c gru-lm -f
complete -c gru-lm -n "__gru_lm_command_is ''" -s v -l version -d 'print the version'
complete -c gru-lm -n "__gru_lm_command_is ''" -s h -l help -d 'show how it is used'
${commands.flatMap(commandLines).join('\n')}`;
}

function commandLines({ name, summary, operands, options }: TypedCommand): string[] {
  const within = `complete -c gru-lm -n '__gru_lm_command_is ${name}'`;
  const last = operands.at(-1);
  return [
    `complete -c gru-lm -n "__gru_lm_command_is ''" -a ${name} -d ${quoted(summary)}`,
    ...(last && last.kind !== 'any' ? [`${within} ${valueArguments(last.kind)}`] : []),
    ...options.map((option) => `${within} ${optionArguments(option)}`),
    ...options.flatMap((option) => furtherValues(name, option)),
  ];
}

/** For what follows the first value of an option that takes many. */
function furtherValues(command: string, { flags, value, takesMany }: TypedOption): string[] {
  if (!takesMany || value === undefined || value === 'any') return [];
  const condition = `__gru_lm_command_is ${command}; and __gru_lm_option_is ${flags.at(-1)}`;
  return [`complete -c gru-lm -n '${condition}' ${valueArguments(value)}`];
}

function optionArguments({ flags, help, value }: TypedOption): string {
  const names = flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  const takes = value === undefined ? [] : [value === 'any' ? '-x' : `-r ${valueArguments(value)}`];
  return [...names, ...takes, `-d ${quoted(help)}`].join(' ');
}

function valueArguments(value: ValueKind): string {
  if (value === 'file') return '-F';
  if (value === 'directory') return "-f -a '(__fish_complete_directories)'";
  return `-f -a ${quoted(typeof value === 'string' ? '' : value.join(' '))}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
