/** A server for one model: a page to try it, and an API. It listens, guards, finds who answers, and ends. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.ts';
import { streamsFor } from '../generation/side-by-side.ts';
import { answerJson, asApiError, cutUnread, SAFE_HEADERS } from './answer.ts';
import { ApiError, unavailable } from './api-error.ts';
import { GenerationQueue } from './generation-queue.ts';
import { Guard, type GuardSettings, inUrl } from './guard.ts';
import type { Limits } from './limits.ts';
import { type Route, routeOf } from './routes.ts';
import type { ServedModel } from './served-model.ts';

export interface ServeSettings extends GuardSettings {
  readonly port: number;
  readonly limits: Limits;
  /** Called with each request that was answered, or could not be. */
  readonly onAnswered?: ((answered: Answered) => void) | undefined;
}

/** What is known of a request at its end. */
export interface Answered {
  /** As they came. */
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Why, where it was refused or failed. */
  readonly message: string | undefined;
  /** Whether the client was gone before its end. */
  readonly isCut: boolean;
  readonly seconds: number;
  /** Tokens read and made. */
  readonly tokens: { readonly prompt: number; readonly made: number };
  /** What was thrown that should not have been. */
  readonly bug: unknown;
}

/** Texts of all requests that are made at a time. */
const MOST_ROWS = 64;
const STOPPING = 'the server is stopping';

export class ModelServer {
  readonly #settings: ServeSettings;
  readonly #guard: Guard;
  readonly #server: Server;
  readonly #queue: GenerationQueue;
  readonly #routes: (path: string) => Route | undefined;
  /** Those that are being answered. */
  readonly #open = new Set<AbortController>();
  #isStopping = false;

  constructor(model: ServedModel, settings: ServeSettings) {
    const { limits } = settings;
    this.#settings = settings;
    this.#guard = new Guard(settings);
    const rows = Math.min(MOST_ROWS, streamsFor(model.config.vocabularySize));
    this.#queue = new GenerationQueue(model, rows, limits);
    this.#routes = routeOf({ model, queue: this.#queue, limits }, this.#guard.needsKey);
    const { headersMs, requestMs, keepAliveMs } = limits;
    this.#server = createServer(
      {
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        keepAliveTimeout: keepAliveMs,
        connectionsCheckingInterval: Math.min(1000, headersMs / 2),
        maxHeaderSize: 16 << 10,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = limits.connections;
  }

  /**
   * Listens.
   *
   * @returns the address of the page
   * @throws UserError `address` where that cannot be
   */
  async start(): Promise<string> {
    const { host, port } = this.#settings;
    const listening = once(this.#server, 'listening');
    this.#server.listen({ host, port });
    try {
      await listening;
    } catch (error) {
      throw cannotListen(error as NodeJS.ErrnoException, host, port);
    }
    return `http://${inUrl(host)}:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Takes no more requests, gives those that are being answered a while, and ends those that are left. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const end = () => {
      for (const open of this.#open) open.abort(unavailable('stopping', STOPPING, 5));
      // What they are told has a moment to go out.
      setTimeout(() => this.#server.closeAllConnections(), 100);
    };
    const timer = setTimeout(end, this.#open.size > 0 ? this.#settings.limits.graceMs : 0);
    await closed;
    clearTimeout(timer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const tokens = { prompt: 0, made: 0 };
    const open = new AbortController();
    this.#open.add(open);
    let [message, bug]: [string | undefined, unknown] = [undefined, undefined];
    let isCut = true;
    response.on('error', () => undefined);
    cutUnread(response, this.#settings.limits.unreadMs);
    response.once('finish', () => {
      // Node takes an answer for finished, too, whose rest is thrown away with its connection.
      isCut = request.socket.destroyed;
    });
    response.once('close', () => {
      this.#open.delete(open);
      // It would stay open for another request.
      if (this.#isStopping) setImmediate(() => this.#server.closeIdleConnections());
      if (isCut) open.abort(new ApiError(499, 'the client is gone'));
      this.#settings.onAnswered?.({
        ...{ method: request.method ?? '', path: request.url ?? '', status: response.statusCode },
        ...{ message, isCut, seconds: (performance.now() - startedMs) / 1000, tokens, bug },
      });
    });
    for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
    try {
      await this.#dispatch(request, { response, signal: open.signal, tokens });
    } catch (error) {
      const shown = asApiError(error);
      message = shown.message;
      if (shown !== error) bug = error;
      if (response.writableEnded) return;
      if (response.headersSent) response.destroy();
      else if (!response.destroyed) answerJson(response, shown, shown.status, shown.headers);
    }
  }

  async #dispatch(
    request: IncomingMessage,
    exchange: Parameters<Route['answer']>[1],
  ): Promise<void> {
    const { response } = exchange;
    const guard = this.#guard;
    guard.assertHost(request);
    const origin = guard.allowedOrigin(request);
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Vary', 'Origin');
      response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
    }
    const [path = ''] = (request.url ?? '').split('?');
    const route = this.#routes(path);
    if (!route) throw new ApiError(404, 'path: expected one that there is, found another');
    if (request.method === 'OPTIONS' && origin !== undefined) {
      response.writeHead(204, {
        'Access-Control-Allow-Methods': route.method,
        // OpenAI's client for pages sends a few that tell of itself; * means all but Authorization.
        'Access-Control-Allow-Headers': '*, Authorization',
        'Access-Control-Max-Age': '600',
      });
      response.end();
      return;
    }
    const asked = request.method === 'HEAD' ? 'GET' : request.method;
    if (asked !== route.method) {
      throw new ApiError(405, `method: expected ${route.method}, found another`, {
        headers: { Allow: route.method },
      });
    }
    if (route.method === 'POST') guard.assertOrigin(request);
    if (route.needsKey) guard.assertKey(request);
    if (this.#isStopping) throw unavailable('stopping', STOPPING, 5);
    await route.answer(request, exchange);
  }
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): UserError {
  const where = `${inUrl(host)}:${port}`;
  const [found, hint] = {
    EADDRINUSE: [
      'something else listens there',
      'Give another port with --port N, or --port 0 for any that is free.',
    ],
    EACCES: ['it is not allowed', 'Ports below 1024 need rights: give --port N above that.'],
    EADDRNOTAVAIL: [
      'this machine has no such address',
      'Give --host an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all.',
    ],
    ENOTFOUND: ['no address has that name', 'Give --host an address such as 127.0.0.1.'],
    EAI_AGAIN: ['no address is known for that name', 'Give --host an address such as 127.0.0.1.'],
  }[error.code ?? ''] ?? [error.message, 'Give another --host or --port.'];
  return new UserError('address', `expected to listen at ${where}, could not: ${found}`, hint, {
    cause: error,
  });
}
