/** `gru-lm` on a pseudo-terminal, and what of its output a terminal would take for a command. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { PROGRAM } from '../program.ts';

/** Against a program that hangs. */
const TIMEOUT_MS = 300_000;

/** Whether there is a program that makes pseudo-terminals. */
export const hasTerminal =
  spawnSync('script', ['--version']).stdout?.includes('util-linux') === true;

export interface Shown {
  readonly exitCode: number | null;
  /** All that came to the terminal, as UTF-8; what is none would be U+FFFD. */
  readonly text: string;
}

/** Runs `gru-lm` with `args` on a terminal, without colours; standard input is the file `input`. */
export async function showOnTerminal(
  args: readonly string[],
  cwd: string,
  { env = {}, input = '/dev/null' }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Shown> {
  const command = [process.execPath, PROGRAM, ...args].map(quoted).join(' ');
  const shell = `stty cols 80 rows 24 -echo; exec ${command} < ${quoted(input)}`;
  const child = spawn('script', ['-qec', shell, '/dev/null'], {
    cwd,
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, text: Buffer.concat(pieces).toString() };
}

const ESCAPE = '\u001b';
/** A terminal's driver puts a carriage return before each line end. */
const DRIVEN_LINE_END = /\r+\n/g;
/** How the live bar moves the cursor, and clears what it was. */
const BAR_SEQUENCE = new RegExp(`${ESCAPE}\\[\\d*[A-DGJK]|\\r`, 'g');

/** The first control character that is neither line end nor tab, with what is around it; undefined: none. */
export function findControl(text: string, hasBar: boolean): string | undefined {
  const lines = text.replace(DRIVEN_LINE_END, '\n');
  const plain = hasBar ? lines.replace(BAR_SEQUENCE, '') : lines;
  const at = plain.search(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/u);
  return at < 0 ? undefined : JSON.stringify(plain.slice(Math.max(0, at - 40), at + 40));
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
