import { closeSync, openSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { runChild, SpawnError } from './process.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
afterAll(() => shop.remove());

describe('a child process', () => {
  it('gives back what it wrote and how it ended', async () => {
    const path = shop.file('speaks', '#!/bin/sh\necho out; echo err >&2; exit 3\n', 0o755);
    expect(await runChild(path, [])).toEqual({
      code: 3,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      timedOut: false,
    });
  });

  it('whose time is up is ended, and that is told', async () => {
    const result = await runChild('sleep', ['60'], { timeoutMs: 100 });
    expect(result).toMatchObject({ code: null, signal: 'SIGTERM', timedOut: true });
  });

  it('may write as much as ldconfig does of thousands of libraries', async () => {
    const line = '\tlibsome.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libsome.so.1';
    const program = `#!/bin/sh\nyes '${line}' | head -n 20000\n`;
    const { stdout } = await runChild(shop.file('lists', program, 0o755), []);
    expect(stdout).toBe(`${line}\n`.repeat(20_000));
  });

  it('that is not there cannot be started', async () => {
    await expect(runChild(`${shop.root}/missing`, [])).rejects.toMatchObject({
      name: 'SpawnError',
      code: 'ENOENT',
    });
  });

  it.runIf(process.platform === 'linux')('that is being written cannot be started', async () => {
    const path = shop.file('busy', '#!/bin/sh\n', 0o755);
    const file = openSync(path, 'r+');
    try {
      const starting = runChild(path, []);
      await expect(starting).rejects.toBeInstanceOf(SpawnError);
      await expect(starting).rejects.toMatchObject({ code: 'ETXTBSY' });
    } finally {
      closeSync(file);
    }
  });
});
