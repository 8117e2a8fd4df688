/** What a server does with requests that mean it no good, over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import type { ServedModel } from './served-model.ts';
import { TinyServer, tinyModel } from './testing/tiny-server.ts';

let model: ServedModel;
let server: TinyServer;
const GOOD = { prompt: 'a', max_tokens: 1 };

beforeAll(async () => {
  await useBackend('cpu');
  model = tinyModel(trainTokenizer('ab\n', { kind: 'char' }));
  server = await TinyServer.start(model, {
    ...{ allowHost: ['box.example', 'fd00::1'], allowOrigin: ['https://site.example'] },
    limits: { bodyBytes: 4096 },
  });
});

afterAll(() => server?.server.stop());

const health = (Host: string) => server.ask('/health', { headers: { Host } });

describe('the name that a request calls the server by', () => {
  it('may be that of this machine, or one that is allowed', async () => {
    for (const name of [
      'localhost',
      'LOCALHOST',
      '127.0.0.1',
      '[::1]',
      'box.example',
      '[fd00::1]',
    ]) {
      for (const port of ['', `:${server.port}`, ':1234']) {
        expect((await health(name + port)).status, name + port).toBe(200);
      }
    }
  });

  it('is refused where it is another: a page’s own, made to mean this machine', async () => {
    const others = [
      'evil.example',
      'localhost.evil.example',
      'notlocalhost',
      '127.0.0.1.nip.example',
    ];
    const odd = [
      'localhost:x',
      'a@localhost',
      'localhost/',
      '[::1',
      '192.168.0.1',
      '127.0.0.2',
      '::1',
    ];
    for (const name of [...others, ...odd]) {
      const { status, json } = await health(name);
      expect(status, name).toBe(403);
      expect(json().error.code).toBe('host_not_allowed');
    }
    const reply = await server.ask('/v1/completions', {
      ...{ body: GOOD, headers: { Host: 'evil.example' } },
    });
    expect(reply.json().error.message).toBe(
      'Host: expected a name of this server, found "evil.example": --allow-host adds one',
    );
    expect((await server.ask('/', { headers: { Host: 'evil.example' } })).status).toBe(403);
  });

  it('must be given, once', async () => {
    expect(await server.raw('GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    const twice =
      'GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n';
    expect(await server.raw(twice)).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(await server.raw('GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('may be the address at which it came in, where the server listens at all', async () => {
    const open = await TinyServer.start(model, { host: '0.0.0.0' });
    const by = (Host: string) => open.ask('/health', { headers: { Host }, host: '127.0.0.2' });
    try {
      expect((await by('127.0.0.2')).status).toBe(200);
      expect((await by('127.0.0.3')).status).toBe(403);
    } finally {
      await open.server.stop();
    }
  });
});

describe('what a page sends', () => {
  const post = (headers: Record<string, string>) =>
    server.ask('/v1/completions', { body: GOOD, headers });

  it('is taken from the server’s own page, and from programs, which have no origin', async () => {
    const Host = `localhost:${server.port}`;
    expect((await post({ Host, Origin: `http://${Host}` })).status).toBe(200);
    expect((await post({ 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200);
    expect((await post({ 'Sec-Fetch-Site': 'none' })).status).toBe(200);
  });

  it('is refused from pages of others, and they may read nothing', async () => {
    const others = ['http://evil.example', 'null', 'https://localhost', `http://localhost:1`, '*'];
    const own = [`https://127.0.0.1:${server.port}`, `http://localhost:${server.port}`];
    for (const Origin of [...others, ...own]) {
      const { status, headers, json } = await post({ Origin });
      expect(status, Origin).toBe(403);
      expect(json().error.code).toBe('origin_not_allowed');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
    expect((await post({ 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await post({ 'Sec-Fetch-Site': 'same-site' })).status).toBe(403);
    const asked = await server.ask('/v1/completions', {
      method: 'OPTIONS',
      headers: { Origin: 'http://evil.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(asked.status).toBe(405);
    expect(asked.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('is taken from an origin that is allowed, which may read the answer', async () => {
    const Origin = 'https://site.example';
    const reply = await post({ Origin, 'Sec-Fetch-Site': 'cross-site' });
    expect(reply.status).toBe(200);
    expect(reply.headers).toMatchObject({
      ...{ 'access-control-allow-origin': Origin, vary: 'Origin' },
      'access-control-expose-headers': 'Retry-After',
    });
    const asked = await server.ask('/v1/completions', { method: 'OPTIONS', headers: { Origin } });
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      ...{ 'access-control-allow-origin': Origin, 'access-control-allow-methods': 'POST' },
      'access-control-allow-headers': '*, Authorization',
    });
  });

  it('must say that it is JSON, which pages of others cannot say without asking', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json2',
      '',
    ]) {
      const { status, json } = await post({ 'Content-Type': type });
      expect(status, type).toBe(415);
      expect(json().error.message).toMatch(/^Content-Type: expected application\/json, found /);
    }
    expect((await post({ 'Content-Type': 'application/json; charset=latin1' })).status).toBe(415);
    expect((await post({ 'Content-Type': 'Application/JSON;charset=UTF-8' })).status).toBe(200);
    expect((await post({ 'Content-Encoding': 'gzip' })).status).toBe(415);
  });
});

describe('a body', () => {
  it.each([
    ['nothing', '', /^body: expected JSON, found /],
    ['no JSON', '{"prompt": "a"', /^body: expected JSON, found /],
    ['control characters', '{"a": "\u001b[31m\u0007"}', /^body: expected JSON, found [^\p{C}]*$/u],
    ['no object', '[1]', /^body: expected an object, found \[1\]$/],
    ['null', 'null', /^body: expected an object, found null$/],
    [
      'no UTF-8',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
      /^body: expected UTF-8, found bytes that are none$/,
    ],
    [
      'deep JSON',
      `{"prompt": ${'['.repeat(2000)}${']'.repeat(2000)}}`,
      /^body: expected at most 64 levels/,
    ],
    [
      'a huge number',
      '{"max_tokens": 1e999}',
      /^max_tokens: expected a whole number .*, found Infinity$/,
    ],
    [
      '__proto__',
      '{"__proto__": {"prompt": "a"}, "max_tokens": 1}',
      /^body: expected fields that are known, found "__proto__"$/,
    ],
    [
      'constructor',
      '{"constructor": 1}',
      /^body: expected fields that are known, found "constructor"$/,
    ],
  ])('of %s is refused', async (_, body, message) => {
    const { status, json } = await server.ask('/v1/completions', { body });
    expect(json().error.message).toMatch(message);
    expect(status).toBe(400);
  });

  it('that is too long is refused, whether it says so or not, and the server goes on', async () => {
    const body = JSON.stringify({ prompt: 'a'.repeat(5000) });
    const sized = { 'Content-Length': String(body.length) };
    for (const headers of [sized, { 'Transfer-Encoding': 'chunked' }]) {
      const { status, json } = await server.ask('/v1/completions', { body, headers });
      expect(status).toBe(413);
      expect(json().error).toMatchObject({
        ...{ code: 'body_too_large', message: 'expected a body of at most 4096 bytes, found more' },
      });
    }
    const large =
      'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{';
    expect((await server.complete(GOOD)).status).toBe(200);
    const other = await TinyServer.start(model, { limits: { headersMs: 100, requestMs: 200 } });
    expect(await other.raw(large)).toMatch(/^HTTP\/1\.1 413 /);
    await other.server.stop();
  });
});

describe('an address', () => {
  it('that there is not is not found, whatever it looks like', async () => {
    const paths = [
      '/nothing',
      '/../package.json',
      '/..%2f..%2fetc%2fpasswd',
      '/%2e%2e/',
      '//',
      '/page.html',
    ];
    const more = [
      '/page.js/../../server.ts',
      '/page.js%00',
      '/tsconfig.json',
      '/constructor',
      '/__proto__',
    ];
    for (const path of [...paths, ...more]) {
      expect((await server.ask(path)).status, path).toBe(404);
    }
    const absolute =
      'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    expect(await server.raw(absolute)).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('takes the methods that it has', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE', 'GET', 'PROPFIND']) {
      const { status, headers } = await server.ask('/v1/completions', { method });
      expect(status, method).toBe(405);
      expect(headers.allow).toBe('POST');
    }
    expect((await server.ask('/health', { body: {} })).headers.allow).toBe('GET');
    expect(await server.ask('/health', { method: 'HEAD' })).toMatchObject({
      status: 200,
      text: '',
    });
    expect(await server.raw('BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await server.raw('CONNECT evil:80 HTTP/1.1\r\nHost: localhost\r\n\r\n')).toBe('');
  });

  it('is answered with headers that keep it from being kept, framed or guessed at', async () => {
    for (const path of ['/', '/page.js', '/page.css', '/health', '/v1/models', '/nothing']) {
      const { headers } = await server.ask(path);
      expect(headers).toMatchObject({
        ...{ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
        ...{ 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' },
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; /);
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
    const page = await server.ask('/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).not.toContain('unsafe');
  });
});

describe('a request that two servers could read in two ways', () => {
  const HEAD =
    'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  it.each([
    [
      'a length and chunks',
      `${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['an unknown coding', `${HEAD}Transfer-Encoding: gzip\r\n\r\n{}`],
    ['chunks that are not the last coding', `${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n{}`],
    ['a space before a colon', `${HEAD}Content-Length : 2\r\n\r\n{}`],
    ['a signed length', `${HEAD}Content-Length: +2\r\n\r\n{}`],
    ['a chunk of no length', `${HEAD}Transfer-Encoding: chunked\r\n\r\nx\r\n{}\r\n0\r\n\r\n`],
    ['a bare line end', 'GET /health HTTP/1.1\nHost: localhost\n\n'],
    ['a header of two lines', 'GET /health HTTP/1.1\r\nHost: localhost\r\nA: b\r\nevil\r\n\r\n'],
    ['no HTTP', '\u0016\u0003\u0001\u0002\u0000'],
  ])('by %s is refused, and its connection ended', async (_, sent) => {
    expect(await server.raw(sent)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await server.ask('/health')).status).toBe(200);
  });

  it('by headers without end is refused', async () => {
    const many = `GET /health HTTP/1.1\r\nHost: localhost\r\n${'A: not much\r\n'.repeat(5000)}\r\n`;
    expect(await server.raw(many)).toMatch(/^HTTP\/1\.1 431 /);
    const long = `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    expect(await server.raw(long)).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe('a server with a key', () => {
  it('answers those that have it; others get its page, and whether it is well', async () => {
    const locked = await TinyServer.start(model, { apiKey: 'secret-1' });
    const by = (Authorization: string, path = '/v1/models') =>
      locked.ask(path, { headers: { Authorization } });
    try {
      expect((await by('Bearer secret-1')).status).toBe(200);
      expect((await by('bearer secret-1', '/api/model')).status).toBe(200);
      for (const wrong of ['', 'Bearer', 'Bearer secret-2', 'Bearer secret-11', 'Basic secret-1']) {
        const { status, headers, json } = await by(wrong);
        expect(status, wrong).toBe(401);
        expect(headers['www-authenticate']).toBe('Bearer');
        expect(json().error.code).toBe('invalid_api_key');
      }
      for (const path of ['/v1/completions', '/api/generate']) {
        expect((await locked.ask(path, { body: GOOD })).status).toBe(401);
      }
      expect((await locked.ask('/')).status).toBe(200);
      expect((await locked.ask('/health')).json()).toMatchObject({ status: 'ok', needsKey: true });
    } finally {
      await locked.server.stop();
    }
  });
});
