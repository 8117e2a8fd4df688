/** How answers are written. */
import type { ServerResponse } from 'node:http';
import { ApiError } from './api-error.ts';
import type { Limits } from './limits.ts';

/** For all answers: nothing is kept, framed, guessed at, or read by pages of other sites. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
};

/**
 * Ends the connection of a client that takes nothing of its answer for so long, while there is something to take. One
 * that reads on, however slowly, gets all of it.
 */
export function cutUnread(response: ServerResponse, unreadMs: number): void {
  // A socket's own timeout begins anew with whatever the other side takes, be it a part of one long write.
  response.setTimeout(unreadMs, () => {
    if (response.writableLength > 0) response.destroy();
  });
}

export function answerJson(
  response: ServerResponse,
  value: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
  });
  response.end(body);
}

/** An answer that is written as it comes about. */
export class StreamedAnswer {
  readonly #response: ServerResponse;
  readonly #type: string;
  readonly #unreadBytes: number;

  /** @param type its Content-Type */
  constructor(
    response: ServerResponse,
    type: string,
    { unreadBytes }: Pick<Limits, 'unreadBytes'>,
  ) {
    this.#response = response;
    this.#type = type;
    this.#unreadBytes = unreadBytes;
  }

  /** Writes a piece. A client that leaves much unread loses its connection. */
  write(piece: string): void {
    const response = this.#response;
    if (response.destroyed) return;
    if (!response.headersSent) {
      response.writeHead(200, { 'Content-Type': this.#type, 'X-Accel-Buffering': 'no' });
    }
    response.write(piece);
    if (response.writableLength > this.#unreadBytes) response.destroy();
  }

  /** Says what went wrong, where a status can say it no more. @throws what it is given */
  fail(error: unknown, shown: (error: ApiError) => string): never {
    if (this.#response.headersSent && !this.#response.destroyed) this.end(shown(asApiError(error)));
    throw error;
  }

  end(piece: string): void {
    this.write(piece);
    this.#response.end();
  }
}

/** What a client is told of an error; of a bug, nothing but that there is one. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError
    ? error
    : new ApiError(500, 'the server failed: its log says why');
}
