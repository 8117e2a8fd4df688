import { expect, it } from 'vitest';
import type { UserError } from '../errors.ts';
import { run } from './serve.ts';

it.each([
  [
    { apiKey: 'a b' },
    '--api-key: expected letters, digits and signs of ASCII without spaces, found other characters',
  ],
  [{ apiKey: 'é' }, '--api-key: expected letters, digits and signs of ASCII without spaces, found'],
  [
    { allowOrigin: ['https://site.example', 'site.example'] },
    '--allow-origin: expected an origin such as https://example.org, found "site.example"',
  ],
  [{ allowOrigin: ['https://site.example/'] }, '--allow-origin: expected an origin such as'],
  [{ allowOrigin: ['null'] }, '--allow-origin: expected an origin such as'],
  [
    { allowHost: ['box.example', 'box.example:8443'] },
    '--allow-host: expected a name or an address such as box.example, found "box.example:8443"',
  ],
  [{ allowHost: ['https://box.example'] }, '--allow-host: expected a name or an address such as'],
  [{ allowOrigin: ['*'] }, '--allow-origin: expected an origin such as'],
])('serve does not take %j', async (given, message) => {
  const error = await run(given, [], new AbortController().signal).catch((thrown) => thrown);
  expect((error as UserError).message).toContain(message);
  expect((error as UserError).code).toBe('usage');
});
