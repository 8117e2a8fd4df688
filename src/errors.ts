/**
 * A failure that the user can mend: shown as one message, without a stack.
 *
 * `message` says what was expected and what was found; `hint` says what to do next. A `code` of
 * `usage` means that the command line was wrong (exit 2); every other code means that the data, the
 * machine or the run failed (exit 1).
 */
export class UserError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UserError';
    this.code = code;
    this.hint = hint;
  }

  /** The exit code of a command that ends with this error. */
  get exitCode(): 1 | 2 {
    return this.code === 'usage' ? 2 : 1;
  }
}

/** What went wrong, in one line, whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
