import type { CommandSpec } from '../command-spec.ts';
import { bashScript } from '../completion/bash.ts';
import { SHELLS, type Shell, typedCommands } from '../completion/completions.ts';
import { fishScript } from '../completion/fish.ts';
import { zshScript } from '../completion/zsh.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';
import { printLine } from './terminal.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `gru-lm completion`: prints the script for a shell. */
export async function run(
  _given: object,
  [shell = '']: string[],
  _signal: AbortSignal,
  commands: readonly CommandSpec[],
): Promise<void> {
  const script = SHELLS.find((name): name is Shell => name === shell);
  if (!script) {
    const meant = didYouMean(shell, SHELLS);
    throw new UserError(
      'usage',
      `expected one of ${SHELLS.join(', ')}, found ${shell}`,
      meant ? `Did you mean ${meant}?` : 'Name the shell that is to complete gru-lm’s options.',
    );
  }
  printLine(SCRIPTS[script](typedCommands(commands)));
}
