/** What the command lines of the benchmarks have in common. */
import { UserError } from '../src/errors.ts';

/** A number that was typed after `--flag`; `usage` makes the error of a message, for any other. */
export function typedNumber(
  flag: string,
  typed: string,
  { least, whole = false }: { least: number; whole?: boolean },
  usage: (message: string) => UserError,
): number {
  const value = typed.trim() === '' ? Number.NaN : Number(typed);
  if (value >= least && (whole ? Number.isSafeInteger(value) : Number.isFinite(value)))
    return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw usage(`--${flag}: expected ${kind} of at least ${least}, found "${typed}"`);
}

/** Shows what a person can mend, and has the process end with its exit code; throws anything else on. */
export function showFailure(error: unknown): void {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`error: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`);
  process.exitCode = error.exitCode;
}
