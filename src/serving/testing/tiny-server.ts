/** A server in the process of a test, for a model that is made up, and a client that may be as rude as it likes. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Tokenizer } from '../../data/tokenizer.ts';
import type { ModelConfig } from '../../model/parameters.ts';
import { initialParameters, weightsOf } from '../../model/weights.ts';
import { Random } from '../../random.ts';
import { DEFAULT_LIMITS, type Limits } from '../limits.ts';
import type { ServedModel } from '../served-model.ts';
import { type Answered, ModelServer, type ServeSettings } from '../server.ts';

/** A model whose choices are far from uniform, on the current backend. */
export function tinyModel(tokenizer: Tokenizer): ServedModel {
  const config: ModelConfig = {
    ...{ vocabularySize: tokenizer.vocabularySize, embeddingSize: 3, hiddenSize: 4, layers: 2 },
    ...{ gruVariant: 'reset-after', dropout: 0 },
  };
  const parameters = initialParameters(config, new Random(1));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return {
    ...{ config, weights: weightsOf(parameters), tokenizer },
    ...{ name: 'tiny', path: 'checkpoints/tiny/step-00000007', step: 7, createdSeconds: 1_700_000 },
  };
}

/** Whatever it is: what is wrong with it, a test shows. */
type Json = ReturnType<typeof JSON.parse>;

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The text as JSON. */
  json: () => Json;
}

export type Ask = Omit<RequestOptions, 'headers'> & {
  headers?: Record<string, string | string[]>;
  body?: unknown;
};

export class TinyServer {
  readonly url: string;
  readonly port: number;
  readonly answered: Answered[];
  readonly server: ModelServer;

  private constructor(server: ModelServer, url: string, answered: Answered[]) {
    this.server = server;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.answered = answered;
  }

  static async start(
    model: ServedModel,
    settings: Partial<Omit<ServeSettings, 'limits'>> & { limits?: Partial<Limits> } = {},
  ): Promise<TinyServer> {
    const answered: Answered[] = [];
    const server = new ModelServer(model, {
      ...{ host: '127.0.0.1', port: 0, onAnswered: (each) => answered.push(each) },
      ...settings,
      limits: { ...DEFAULT_LIMITS, graceMs: 200, ...settings.limits },
    });
    return new TinyServer(server, await server.start(), answered);
  }

  /** Asks, by POST where there is a body: an object as JSON, or what it is. */
  async ask(path: string, { body, headers = {}, ...more }: Ask = {}): Promise<Reply> {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const sent = body === undefined || isRaw ? body : JSON.stringify(body);
    const request = httpRequest({
      ...{ host: '127.0.0.1', port: this.port, path, agent: false },
      ...{ method: body === undefined ? 'GET' : 'POST' },
      headers: body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
      ...more,
    });
    request.end(sent);
    const [response] = await once(request, 'response');
    const all = await text(response);
    return {
      ...{ status: response.statusCode, headers: response.headers, text: all },
      json: () => JSON.parse(all),
    };
  }

  complete(body: object): Promise<Reply> {
    return this.ask('/v1/completions', { body });
  }

  /** All that comes back over a connection for bytes that may be no HTTP at all, until it ends. */
  async raw(sent: string | Uint8Array): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      received += piece;
    });
    socket.on('error', () => undefined);
    socket.write(sent);
    await once(socket, 'close');
    return received;
  }

  /** Opens a stream; `next` waits for more of it, `close` leaves. */
  async stream(path: string, body: object) {
    const leaving = new AbortController();
    const response = await fetch(`${this.url.slice(0, -1)}${path}`, {
      ...{ method: 'POST', body: JSON.stringify(body), signal: leaving.signal },
      headers: { 'Content-Type': 'application/json' },
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    return {
      response,
      next: async () => (await reader.read()).value ?? '',
      rest: async () => {
        let all = '';
        for (let step = await reader.read(); !step.done; step = await reader.read()) {
          all += step.value;
        }
        return all;
      },
      close: () => leaving.abort(),
    };
  }

  async load(): Promise<{ running: number; waiting: number }> {
    return (await this.ask('/health')).json().requests;
  }
}

/** The objects of server-sent events, without the last. */
export function eventsIn(stream: string): Json[] {
  const events = stream.trimEnd().split('\n\n');
  return events
    .filter((event) => event !== 'data: [DONE]')
    .map((event) => JSON.parse(event.replace(/^data: /, '')));
}

export function linesIn(stream: string): Json[] {
  return stream
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
