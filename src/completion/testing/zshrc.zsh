# Of the shell that capture.zsh types into: it says what is added to the completions of the first Tab, and ends.
PROMPT=
autoload -Uz compinit && compinit -D -u
source ./gru-lm.zsh
bindkey '^I' complete-word
told_begin() { print -r -- '<<<' }
told_end() { print -r -- '>>>'; exit }
compprefuncs=(told_begin) comppostfuncs=(told_end)
compadd() {
  # Asked for what would match, not to add it.
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  typeset -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- '= '$^hits
  builtin compadd "$@"
}
print READY
