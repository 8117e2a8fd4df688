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

/** Text from outside in quotes, for a message: on one line, every control character escaped, and short. */
export function quoted(text: string, longest = 80): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return JSON.stringify(cut).replace(
    /\p{C}/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}

const ELEMENTS_SHOWN = 4;
const DEPTH_SHOWN = 2;

/** A value from outside, for a message: as JSON has it, on one line and short. */
export function showValue(value: unknown, depth = 0): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) {
    const shown = value
      .slice(0, ELEMENTS_SHOWN)
      .map((element) => (depth < DEPTH_SHOWN ? showValue(element, depth + 1) : '…'));
    return `[${[...shown, ...(value.length > ELEMENTS_SHOWN ? ['…'] : [])].join(',')}]`;
  }
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
