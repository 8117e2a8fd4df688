import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { turnEventLoop } from './event-loop.ts';

test('a signal that came during long work is handled, also where a file was waited for', async () => {
  let isHandled = false;
  process.once('SIGUSR2', () => {
    isHandled = true;
  });
  await readFile(fileURLToPath(import.meta.url));
  process.kill(process.pid, 'SIGUSR2');
  const untilMs = performance.now() + 20;
  while (performance.now() < untilMs);
  await turnEventLoop();
  expect(isHandled).toBe(true);
});
