import type { TypedCommand, ValueKind } from './completions.ts';

/** A script that makes bash complete what follows `gru-lm`; it needs nothing but bash 3.2 or newer. */
export function bashScript(commands: readonly TypedCommand[]): string {
  return `# What bash completes after gru-lm. Made by gru-lm completion bash.
_gru_lm() {
  local current=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD-1]}
  local command='' kind='' words='' i
  # bash takes --option=value apart.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $option == '=' ]]; then
    option=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] && continue
    command=\${COMP_WORDS[i]}
    break
  done
  # The option that begins the words before this one, for those that take many.
  local many=''
  for ((i = COMP_CWORD - 1; i > 0; i--)); do
    many=\${COMP_WORDS[i]}
    [[ $many == -* ]] && break
  done
  COMPREPLY=()
  case $command in
    '')
      if [[ $current == -* ]]; then words='-h --help -v --version'; else words='${commands.map(({ name }) => name).join(' ')}'; fi
      ;;
${commands.map(commandCase).join('\n')}
    *) return ;;
  esac
  case $kind in
    file | directory)
      compopt -o filenames 2>/dev/null
      local flag=-f
      [[ $kind == directory ]] && flag=-d
      while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen "$flag" -- "$current")
      ;;
    any) ;;
    *)
      while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$words" -- "$current")
      ;;
  esac
}
complete -F _gru_lm gru-lm`;
}

/** The words that come first, then the options' values, then the options or what the command works on. */
function commandCase({ name, operands, options }: TypedCommand): string {
  const flags = options.flatMap((option) => option.flags).join(' ');
  const taking = options.flatMap(({ flags: names, value }) =>
    value === undefined ? [] : [{ names, value }],
  );
  const lists = options.filter(({ takesMany, value }) => takesMany && value !== undefined);
  const cases = [...byValue(taking)].map(
    ([value, names]) => `        ${names.join(' | ')}) ${value} ;;`,
  );
  const listCases = lists.map(
    ({ flags: names, value }) => `            ${names.join(' | ')}) ${assignment(value!)} ;;`,
  );
  const last = operands.at(-1);
  const rest = last ? assignment(last.kind) : 'kind=any';
  return [
    `    ${name})`,
    '      case $option in',
    ...cases,
    '        *)',
    '          case $many in',
    ...listCases,
    `            *) ${rest} ;;`,
    '          esac',
    `          if [[ $current == -* ]]; then kind=''; words='${flags}'; fi`,
    '          ;;',
    '      esac',
    '      ;;',
  ].join('\n');
}

function byValue(
  options: readonly { names: readonly string[]; value: ValueKind }[],
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { names, value } of options) {
    const key = assignment(value);
    groups.set(key, [...(groups.get(key) ?? []), ...names]);
  }
  return groups;
}

function assignment(value: ValueKind): string {
  return typeof value === 'string' ? `kind=${value}` : `words='${value.join(' ')}'`;
}
