import { type TypedCommand, type TypedOption, type ValueKind, VERSION } from './completions.ts';

/** A script that makes zsh complete what follows `gru-lm`: to be sourced, or a file of its `fpath`. */
export function zshScript(commands: readonly TypedCommand[]): string {
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef gru-lm
# What zsh completes after gru-lm. Made by gru-lm completion zsh.

# Leaves these options, which take many values, only the last one: _arguments would end the values with the
# word after the next option, or take all but the first for operands.
_gru-lm_last_values() {
  local -a left
  local value=none word
  integer i
  for ((i = 1; i <= CURRENT; i++)); do
    word=$words[i]
    if [[ $word == -* ]]; then
      value=none
      (( \${@[(Ie)$word]} )) && value=first
    elif [[ $value == further ]]; then
      left[-1]=()
    elif [[ $value == first ]]; then
      value=further
    fi
    left+=("$word")
  done
  words=("\${left[@]}" "\${(@)words[CURRENT + 1, -1]}")
  CURRENT=\${#left}
}

_gru-lm() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands
  commands=(
${described.join('\n')}
  )
  _arguments -C \\
    ${quoted('(- *)-h[show how it is used]')} ${quoted('(- *)--help[show how it is used]')} \\
    ${VERSION.flags.map((flag) => quoted(`(- *)${flag}[${VERSION.help}]`)).join(' ')} \\
    '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $words[1] in
${commands.map(commandCase).join('\n')}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = _gru-lm ]; then
  _gru-lm "$@"
else
  compdef _gru-lm gru-lm
fi`;
}

function commandCase({ name, operands, options }: TypedCommand): string {
  const specs = [
    ...options.flatMap(optionSpecs),
    ...operands.map(({ name: operand, kind, isMany }, i) =>
      quoted(`${isMany ? '*' : i + 1}:${escaped(operand)}:${action(kind)}`),
    ),
  ];
  const lists = options.flatMap(({ flags, takesMany }) => (takesMany ? flags : []));
  return [
    `        ${name})`,
    ...(lists.length > 0 ? [`          _gru-lm_last_values ${lists.join(' ')}`] : []),
    '          _arguments \\',
    specs.map((spec) => `            ${spec}`).join(' \\\n'),
    '          ;;',
  ].join('\n');
}

function optionSpecs({ flags, help, value, mayRepeat }: TypedOption): string[] {
  return flags.map((flag) => {
    const name = `${mayRepeat ? '*' : ''}${flag}`;
    const text = `[${escaped(help)}]`;
    if (value === undefined) return quoted(`${name}${text}`);
    return quoted(`${name}=${text}:value:${action(value)}`);
  });
}

function action(value: ValueKind): string {
  if (typeof value !== 'string') return `(${value.join(' ')})`;
  return { file: '_files', directory: '_files -/', any: ' ' }[value];
}

/** With what has a meaning in a description escaped. */
function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
