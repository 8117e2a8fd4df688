/** What keeps one client from having all of a server, and how a server ends. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import type { UserError } from '../errors.ts';
import type { Limits } from './limits.ts';
import type { ServedModel } from './served-model.ts';
import { TinyServer, tinyModel } from './testing/tiny-server.ts';

let model: ServedModel;
let server: TinyServer;
/** Takes longer than any test. */
const ENDLESS = { max_tokens: 1_000_000, stream: true };

beforeAll(async () => {
  await useBackend('cpu');
  model = tinyModel(trainTokenizer('abcdefghijklmnopqrstuvwxyz\n', { kind: 'char' }));
});

afterEach(() => server.server.stop());

async function startWith(limits: Parameters<typeof TinyServer.start>[1]) {
  server = await TinyServer.start(model, {
    ...limits,
    limits: { tokens: 1_000_000, ...limits?.limits },
  });
}

const begin = () => server.stream('/v1/completions', ENDLESS);

describe('requests at a time', () => {
  it('have a number, others wait, and more are told to come again', async () => {
    await startWith({ limits: { requests: 1, waiting: 1 } });
    const first = await begin();
    await first.next();
    const second = server.complete({ seed: 1, max_tokens: 3 });
    await vi.waitFor(async () => expect(await server.load()).toEqual({ running: 1, waiting: 1 }));
    const third = await server.complete({ max_tokens: 3 });
    expect(third.status).toBe(503);
    expect(third.headers['retry-after']).toBe('2');
    expect(third.json()).toEqual({
      error: {
        message: '1 requests are being answered and 1 wait: try again later',
        ...{ type: 'server_error', param: null, code: 'overloaded' },
      },
    });
    first.close();
    expect((await second).status).toBe(200);
    expect(await server.load()).toEqual({ running: 0, waiting: 0 });
  });

  it('that wait are forgotten when their client leaves', async () => {
    await startWith({ limits: { requests: 1, waiting: 2 } });
    const first = await begin();
    const leaving = new AbortController();
    const second = fetch(`${server.url}v1/completions`, {
      ...{ method: 'POST', body: '{}', signal: leaving.signal },
      headers: { 'Content-Type': 'application/json' },
    });
    await vi.waitFor(async () => expect((await server.load()).waiting).toBe(1));
    leaving.abort();
    await expect(second).rejects.toThrow();
    await vi.waitFor(async () => expect((await server.load()).waiting).toBe(0));
    first.close();
    expect((await server.complete({ max_tokens: 1 })).status).toBe(200);
  });

  it('have a number of connections', async () => {
    await startWith({ limits: { connections: 2, keepAliveMs: 60_000 } });
    const open = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')];
    await Promise.all(open.map((socket) => once(socket, 'connect')));
    await vi.waitFor(async () => {
      await expect(server.ask('/health')).rejects.toThrow();
    });
    for (const socket of open) socket.destroy();
    await vi.waitFor(async () => expect((await server.ask('/health')).status).toBe(200));
  });
});

describe('a slow client', () => {
  it.each([
    ['nothing at all', ''],
    ['half of its headers', 'POST /v1/completions HTTP/1.1\r\nHost: local'],
    [
      'half of its body',
      'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"prompt"',
    ],
  ])('that sends %s is not waited for', async (_, sent) => {
    await startWith({ limits: { headersMs: 100, requestMs: 200 } });
    expect(await server.raw(sent)).toMatch(/^HTTP\/1\.1 408 /);
    expect(await server.load()).toEqual({ running: 0, waiting: 0 });
  });

  // A word that nobody knows is one token, and with echo, sixty-four times as much to read.
  const MUCH = { prompt: 'x'.repeat(200_000), echo: true, n: 64 };

  /** Asks for much, and reads nothing of it yet. */
  async function askForMuch(limits: Partial<Limits>, more: object) {
    const words = tinyModel(trainTokenizer('a b\n', { kind: 'word' }));
    server = await TinyServer.start(words, { limits });
    const body = JSON.stringify({ ...MUCH, ...more });
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return socket;
  }

  it.each([
    ['for long', { unreadMs: 100 }, { max_tokens: 4096, stream: true }],
    ['for long after its end', { unreadMs: 100 }, { max_tokens: 1, stream: true }],
    ['for long, which came at once,', { unreadMs: 100 }, { max_tokens: 1 }],
    ['of much', { unreadBytes: 100_000, unreadMs: 600_000 }, { max_tokens: 4096, stream: true }],
  ])('that does not read its answer %s loses it', async (_, limits, more) => {
    const socket = await askForMuch(limits, more);
    await vi.waitFor(() => expect(server.answered[0]).toMatchObject({ isCut: true }), 60_000);
    expect(await server.load()).toEqual({ running: 0, waiting: 0 });
    socket.destroy();
  });

  it.each([
    ['at once', { max_tokens: 1 }],
    ['as it is made', { max_tokens: 50, stream: true }],
  ])('that reads on, if slowly, gets all of an answer that came %s', async (_, more) => {
    const unreadMs = 700;
    const socket = await askForMuch({ unreadMs }, more);
    const startedMs = performance.now();
    let [read, end] = [0, ''];
    socket.on('data', (piece) => {
      read += piece.length;
      end = (end + piece.toString('latin1')).slice(-100);
      socket.pause();
      setTimeout(() => socket.resume(), 10);
    });
    socket.resume();
    await once(socket, 'close');
    expect(performance.now() - startedMs).toBeGreaterThan(2 * unreadMs);
    expect(read).toBeGreaterThan(64 * 200_000);
    expect(end).toMatch(
      'stream' in more ? /data: \[DONE\]\n\n\r\n0\r\n\r\n$/ : /"total_tokens":\d+\}\}$/,
    );
    await vi.waitFor(() => expect(server.answered[0]).toMatchObject({ isCut: false }));
  });

  it('that asks for nothing more is let go', async () => {
    await startWith({ limits: { keepAliveMs: 50 } });
    const received = await server.raw('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a server that is to end', () => {
  it('finishes what it is at, and takes nothing more', async () => {
    await startWith({ limits: { graceMs: 60_000 } });
    const stream = await server.stream('/v1/completions', { ...ENDLESS, max_tokens: 500, seed: 1 });
    await stream.next();
    const ended = server.server.stop();
    await expect(server.ask('/health')).rejects.toThrow('ECONNREFUSED');
    expect(await stream.rest()).toMatch(/data: \[DONE\]\n\n$/);
    await ended;
  });

  it('tells those that take too long, and does not wait for those that ask for nothing', async () => {
    await startWith({ limits: { graceMs: 50 } });
    const [first, second] = [
      await begin(),
      await server.stream('/api/generate', { length: 1_000_000 }),
    ];
    const silent = connect(server.port, '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    await first.next();
    await second.next();
    await server.server.stop();
    const error = { message: 'the server is stopping', type: 'server_error' };
    const lastLine = (text: string) => text.trimEnd().split('\n').at(-1) as string;
    expect(JSON.parse(lastLine(await first.rest()).replace(/^data: /, ''))).toMatchObject({
      error,
    });
    expect(JSON.parse(lastLine(await second.rest()))).toEqual({
      ...{ event: 'error', message: error.message },
    });
  });
});

describe('an address that cannot be listened at', () => {
  it.each([
    ['127.0.0.1', undefined, 'something else listens there'],
    ['192.0.2.1', 0, 'this machine has no such address'],
    ['no-such-name.invalid', 0, expect.stringMatching(/^no address /)],
  ])('%s:%s is said to be one, and what to do', async (host, port, found) => {
    await startWith({});
    const taken = port ?? server.port;
    const second = TinyServer.start(model, { host, port: taken });
    const error = (await second.catch((thrown: unknown) => thrown)) as UserError;
    const [where, reason] = error.message.split(', could not: ');
    expect(where).toBe(`expected to listen at ${host}:${taken}`);
    expect(reason).toEqual(found);
    expect(error.hint).toMatch(/^Give /);
    expect(error.code).toBe('address');
  });
});

describe('a bug while texts are made', () => {
  it('is told to the log, not to the client, and the next request is answered', async () => {
    let isBroken = true;
    const broken = Object.defineProperty({ ...model }, 'weights', {
      get: () => {
        if (isBroken) throw new Error('a secret of the machine');
        return model.weights;
      },
    });
    server = await TinyServer.start(broken);
    const reply = await server.complete({ max_tokens: 3 });
    expect(reply.status).toBe(500);
    expect(reply.json().error).toMatchObject({
      ...{ message: 'the server failed: its log says why', type: 'server_error' },
    });
    await vi.waitFor(() =>
      expect(server.answered[0]?.bug).toEqual(new Error('a secret of the machine')),
    );
    isBroken = false;
    expect((await server.complete({ max_tokens: 3 })).status).toBe(200);
  });
});
