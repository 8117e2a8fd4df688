import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { assertNoFile, writeNewFile } from './new-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-new-file-'));
const path = join(directory, 'page.html');

afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => rmSync(path, { force: true }));

describe('a file that a user asks for', () => {
  it('is written where there is none', async () => {
    await assertNoFile(path, 'hint');
    expect(await writeNewFile(path, 'é', false, 'hint')).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe('é');
  });

  it('stays as it is if there is one, unless it is to be replaced', async () => {
    writeFileSync(path, 'before');
    const refusal = { code: 'file-exists', hint: 'hint' };
    await expect(assertNoFile(path, 'hint')).rejects.toMatchObject(refusal);
    await expect(writeNewFile(path, 'after', false, 'hint')).rejects.toMatchObject(refusal);
    expect(readFileSync(path, 'utf8')).toBe('before');
    await writeNewFile(path, 'after', true, 'hint');
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(readdirSync(directory)).toEqual(['page.html']);
  });

  it.each([false, true])(
    'that cannot be is an error with its name, overwriting: %s',
    async (overwrite) => {
      const nowhere = join(directory, 'no', 'page.html');
      const message = expect.stringContaining(`expected to write ${nowhere}, could not: `);
      await expect(writeNewFile(nowhere, 'text', overwrite, 'hint')).rejects.toMatchObject({
        code: 'file-unwritten',
        message,
      });
      await expect(writeNewFile(directory, 'text', true, 'hint')).rejects.toMatchObject({
        code: 'file-unwritten',
      });
    },
  );
});
