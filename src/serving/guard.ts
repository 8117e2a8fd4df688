/** Who may ask: a server on one's own machine can be reached by every page that one looks at, unless it makes sure. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { showValue } from '../errors.ts';
import { ApiError } from './api-error.ts';

export interface GuardSettings {
  /** Where the server listens, as the user named it. */
  readonly host: string;
  /** Other names by which it may be called. */
  readonly allowHost?: readonly string[] | undefined;
  /** Other origins whose pages may use it. */
  readonly allowOrigin?: readonly string[] | undefined;
  /** What requests to the API must bring. */
  readonly apiKey?: string | undefined;
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** A name or an address, and a port. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?$/i;

/** Whether only programs of this machine can connect to what listens at `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether `host` is a name or an address, with nothing before or after it. */
export function isHostName(host: string): boolean {
  const [whole, name] = HOST.exec(inUrl(host)) ?? [];
  return name !== undefined && name === whole;
}

/** A host as it stands in an address: IPv6 in brackets. */
export function inUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host.toLowerCase();
}

export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #keyHash: Buffer | undefined;

  constructor({ host, allowHost = [], allowOrigin = [], apiKey }: GuardSettings) {
    this.#hosts = new Set([...LOOPBACK, ...[host, ...allowHost].map(inUrl)]);
    this.#origins = new Set(allowOrigin);
    this.#keyHash = apiKey === undefined ? undefined : hashOf(apiKey);
  }

  get needsKey(): boolean {
    return this.#keyHash !== undefined;
  }

  /**
   * The name that the request calls the server by must be one of its own: a page whose own name was made to mean this
   * machine's address (DNS rebinding) sends its own.
   *
   * @throws ApiError 403
   */
  assertHost(request: IncomingMessage): void {
    const given = request.headersDistinct.host ?? [];
    const name = given.length === 1 ? HOST.exec(given[0]!)?.[1]?.toLowerCase() : undefined;
    if (name !== undefined && (this.#hosts.has(name) || name === ownAddress(request))) return;
    throw new ApiError(
      403,
      `Host: expected a name of this server, found ${showValue(given.join(', '))}: --allow-host adds one`,
      { code: 'host_not_allowed' },
    );
  }

  /** The origin of a page of another site that may use the server, and sent this request. */
  allowedOrigin({ headers }: IncomingMessage): string | undefined {
    const { origin } = headers;
    return origin !== undefined && this.#origins.has(origin) ? origin : undefined;
  }

  /**
   * What a page sends must come from the server's own page, or one that is allowed. Programs send no origin.
   *
   * @throws ApiError 403
   */
  assertOrigin(request: IncomingMessage): void {
    const { origin, host, 'sec-fetch-site': site } = request.headers;
    if (this.allowedOrigin(request) !== undefined) return;
    const isOwn =
      origin === undefined
        ? site === undefined || site === 'same-origin' || site === 'none'
        : origin.toLowerCase() === `http://${host}`.toLowerCase();
    if (isOwn) return;
    throw new ApiError(
      403,
      `Origin: expected this server’s own page, found ${showValue(origin ?? site)}: --allow-origin adds one`,
      { code: 'origin_not_allowed' },
    );
  }

  /** @throws ApiError 401 */
  assertKey({ headers }: IncomingMessage): void {
    if (!this.#keyHash) return;
    const [, key] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    // Of equal length whatever was given, and compared in the same time.
    if (key !== undefined && timingSafeEqual(hashOf(key), this.#keyHash)) return;
    const found = key === undefined ? 'none' : 'another one';
    throw new ApiError(
      401,
      `Authorization: expected “Bearer” and the server’s key, found ${found}`,
      {
        code: 'invalid_api_key',
        headers: { 'WWW-Authenticate': 'Bearer' },
      },
    );
  }
}

/** The address at which the request came in: where the server listens at all of them, each is its own. */
function ownAddress({ socket }: IncomingMessage): string | undefined {
  const address = socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '');
  return address && inUrl(address);
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
