/** `gru-lm serve` as a process; what it answers is tested beside src/serving. */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { saveSmallRun } from '../src/commands/testing/small-run.ts';
import { jsonLines, runCli, temporaryDirectory } from './cli-process.ts';

const cwd = temporaryDirectory();
const serve = ['serve', 'checkpoints/small', '--backend', 'wasm', '--port', '0'];

beforeAll(() => saveSmallRun(join(cwd, 'checkpoints', 'small')));

/** Starts a server; `act` has its address, and is done before the server is told to end. */
async function served(
  args: string[],
  signal: NodeJS.Signals,
  act: (url: string) => Promise<void>,
  env: NodeJS.ProcessEnv = {},
) {
  let acting: Promise<void> | undefined;
  const result = await runCli([...serve, ...args], {
    ...{ cwd, env },
    onOutput: (output, child) => {
      const url = /http:\/\/[\w.[\]:]+\//.exec(output)?.[0];
      if (url === undefined || !output.includes('\n')) return;
      acting ??= act(url).finally(() => child.kill(signal));
    },
  });
  await acting;
  return result;
}

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    ...{ method: 'POST', body: JSON.stringify(body) },
    headers: { 'Content-Type': 'application/json', ...headers },
  });

test.concurrent('serve says where it listens, makes the text that sample makes, and ends by 130', async () => {
  let [served_, page]: [unknown, string] = [undefined, ''];
  const asked = { prompt: 'the ', max_tokens: 30, seed: 5, temperature: 0.8 };
  const result = await served(['--host', '0.0.0.0'], 'SIGINT', async (url) => {
    served_ = await (await post(`${url}v1/completions`, asked)).json();
    page = await (await fetch(url)).text();
  });
  expect(result.exitCode).toBe(130);
  expect(result.stdout).toMatch(/^small at http:\/\/0\.0\.0\.0:\d+\/\n$/);
  expect(result.stderr).toMatch(/\nPOST \/v1\/completions 200 \d+\.\d\d s, 4 \+ 30 tokens\n/);
  expect(result.stderr).toMatch(/\nstopping; once more ends it at once\n$/);
  expect(result.stderr).toContain(
    'Anybody who can connect to 0.0.0.0 can use the model: give --api-key, or set GRU_LM_API_KEY.\n',
  );
  expect(page).toContain('<title>gru-lm playground</title>');
  const sample = await runCli(
    [
      ...['sample', 'checkpoints/small', '--backend', 'wasm', '--prompt', 'the ', '--length', '30'],
      ...['--seed', '5', '--json'],
    ],
    { cwd },
  );
  const [made] = jsonLines(sample.stdout);
  expect(served_).toMatchObject({ model: 'small', choices: [{ text: made?.text }] });
});

test.concurrent('serve --json logs an object a line; the key comes from the environment; SIGTERM is 143', async () => {
  const result = await served(
    ['--json', '--max-tokens', '8'],
    'SIGTERM',
    async (url) => {
      const key = { Authorization: 'Bearer abc' };
      expect((await post(`${url}v1/completions`, { max_tokens: 9 }, key)).status).toBe(400);
      expect((await post(`${url}v1/completions`, {})).status).toBe(401);
      expect((await post(`${url}api/generate`, { length: 2, seed: 1 }, key)).status).toBe(200);
    },
    { GRU_LM_API_KEY: 'abc' },
  );
  expect(result.exitCode).toBe(143);
  const [start, ...requests] = jsonLines(result.stdout);
  expect(start).toMatchObject({ event: 'start', model: 'small' });
  expect(start?.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  expect(requests).toMatchObject([
    { event: 'request', method: 'POST', path: '/v1/completions', status: 400, tokens: 0 },
    { event: 'request', status: 401, message: expect.stringContaining('Authorization') },
    { event: 'request', path: '/api/generate', status: 200, message: null, cut: false, tokens: 2 },
  ]);
});
