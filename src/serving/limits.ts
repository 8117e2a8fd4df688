/** How much a server takes on, so that no client can have all of it. */
export interface Limits {
  /** Of a request's body. */
  bodyBytes: number;
  /** Of a prompt. */
  promptTokens: number;
  /** Of a text. */
  tokens: number;
  /** Texts that one request may ask for. */
  texts: number;
  /** Requests that are answered at a time, and those that may wait for it. */
  requests: number;
  waiting: number;
  connections: number;
  /** What a client may take to send its headers, and all of its request. */
  headersMs: number;
  requestMs: number;
  /** How long a connection stays open without a request. */
  keepAliveMs: number;
  /** How long a client may take nothing of what there is of its answer. */
  unreadMs: number;
  /** What of an answer may wait to be read. */
  unreadBytes: number;
  /** What those that are being answered have left once the server is to end. */
  graceMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 1 << 20,
  promptTokens: 16_384,
  tokens: 4096,
  texts: 64,
  requests: 16,
  waiting: 64,
  connections: 128,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 5000,
  unreadMs: 30_000,
  unreadBytes: 16 << 20,
  graceMs: 5000,
};
