import { afterEach, expect, it, vi } from 'vitest';
import type { Answered } from '../serving/server.ts';
import { ServeView } from './serve-view.ts';

const answered: Answered = {
  ...{ method: 'POST', path: '/v1/completions', status: 200, message: undefined, isCut: false },
  ...{ seconds: 1.234, tokens: { prompt: 4, made: 1030 }, bug: undefined },
};

const OTHER = { stdout: ['stderr'], stderr: ['stdout'] } as const;

/** What is written to a stream for a request. */
function written(stream: 'stdout' | 'stderr', json: boolean, more: Partial<Answered>): string {
  const [write] = [stream, ...OTHER[stream]].map((each) =>
    vi.spyOn(process[each], 'write').mockReturnValue(true),
  );
  new ServeView({ json }).answered({ ...answered, ...more });
  return write!.mock.calls.map(([text]) => String(text)).join('');
}

afterEach(() => vi.restoreAllMocks());

it('a request is a line with what it took', () => {
  expect(written('stderr', false, {})).toBe('POST /v1/completions 200 1.23 s, 4 + 1,030 tokens\n');
  expect(written('stderr', false, { isCut: true, tokens: { prompt: 4, made: 0 } })).toContain(
    'POST /v1/completions 200 1.23 s, the client left\n',
  );
});

it('parts of the page have none, unless they were refused', () => {
  expect(written('stderr', false, { method: 'GET', path: '/page.js' })).toBe('');
  const refused = { method: 'GET', path: '/page.js', status: 403, message: 'Host: expected …' };
  expect(written('stderr', false, refused)).toContain(
    'GET /page.js 403 1.23 s, 4 + 1,030 tokens: H',
  );
});

it('control characters of a request do not reach the terminal', () => {
  const hostile = { method: 'GET\u001b', path: '/\u001b[2J\n\u202e/v1/', status: 404 };
  const line = written('stderr', false, { ...hostile, message: 'found \u001b]0;x\u0007\n' });
  expect(line).not.toMatch(/(?!\n$)\p{Cc}|\u202e/u);
  expect(line.split('\n')).toHaveLength(2);
  expect(written('stdout', true, { ...hostile, path: '/v1/\u009b' })).not.toMatch(/(?!\n$)\p{Cc}/u);
});

it('with --json it is an object', () => {
  expect(JSON.parse(written('stdout', true, { isCut: true }))).toEqual({
    ...{ event: 'request', method: 'POST', path: '/v1/completions', status: 200, message: null },
    ...{ cut: true, seconds: 1.234, promptTokens: 4, tokens: 1030 },
  });
});

it('what failed inside is said in full, on standard error', () => {
  const shown = written('stderr', true, { status: 500, bug: new Error('out of luck') });
  expect(shown).toContain('error: this is a bug in gru-lm; please report it with what follows.\n');
  expect(shown).toContain('Error: out of luck\n    at ');
});
