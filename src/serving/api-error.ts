/** What a client is told when it gets no answer: a status, and an object as OpenAI's API has it. */

interface Details {
  /** The field of the body that is wrong. */
  param?: string | undefined;
  code?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
}

export class ApiError extends Error {
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /** @param message what was expected and what was found */
  constructor(status: number, message: string, { param, code, headers = {} }: Details = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.param = param;
    this.code = code;
    this.headers = headers;
  }

  /** The body of the answer. */
  toJSON(): object {
    const type = this.status < 500 ? 'invalid_request_error' : 'server_error';
    const { message, param = null, code = null } = this;
    return { error: { message, type, param, code } };
  }
}

/** A field of the body has a value that does not fit. */
export function badField(param: string, message: string): ApiError {
  return new ApiError(400, `${param}: ${message}`, { param });
}

/** For what cannot be answered now, but later. */
export function unavailable(code: string, message: string, retryAfterSeconds: number): ApiError {
  return new ApiError(503, message, {
    code,
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });
}
