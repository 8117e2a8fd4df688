# Prints what a zsh at a terminal completes of the line "$1", one a line: zsh -f capture.zsh 'gru-lm tr'
# The shell that is typed into reads .zshrc in $ZDOTDIR, which is zshrc.zsh beside this file.
zmodload zsh/zpty
zpty shell zsh -i
while zpty -r shell line; do [[ $line == READY* ]] && break; done
zpty -w -n shell "$1"$'\t'
integer is_told=0
while zpty -r shell line; do
  line=${line//$'\r'}
  [[ $line == *'<<<'* ]] && is_told=1
  [[ $line == *'>>>'* ]] && break
  (( is_told )) && [[ $line == '= '* ]] && print -rn -- ${line#= }
done
zpty -d shell
