import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { assertFilePlace, writeNewFile } from './new-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-new-file-'));
const path = join(directory, 'page.html');

afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => rmSync(path, { force: true }));

describe('a file that a user asks for', () => {
  it('is written where there is none', async () => {
    await assertFilePlace(path, false, 'hint');
    expect(await writeNewFile(path, 'é', false, 'hint')).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe('é');
  });

  it('stays as it is if there is one, unless it is to be replaced', async () => {
    writeFileSync(path, 'before');
    const refusal = { code: 'file-exists', hint: 'hint' };
    await expect(assertFilePlace(path, false, 'hint')).rejects.toMatchObject(refusal);
    await expect(writeNewFile(path, 'after', false, 'hint')).rejects.toMatchObject(refusal);
    expect(readFileSync(path, 'utf8')).toBe('before');
    await assertFilePlace(path, true, 'hint');
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

  it('is replaced where the link leads that the user made, also if nothing is there yet', async () => {
    const target = join(directory, 'elsewhere', 'target.html');
    const link = join(directory, 'link.html');
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync('elsewhere/inner.html', link);
    symlinkSync('target.html', join(directory, 'elsewhere', 'inner.html'));
    for (const text of ['first', 'second']) {
      const refusal = { code: 'file-exists', hint: 'hint' };
      await expect(assertFilePlace(link, false, 'hint')).rejects.toMatchObject(refusal);
      await expect(writeNewFile(link, text, false, 'hint')).rejects.toMatchObject(refusal);
      await assertFilePlace(link, true, 'hint');
      await writeNewFile(link, text, true, 'hint');
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(readFileSync(target, 'utf8')).toBe(text);
      expect(readdirSync(join(directory, 'elsewhere'))).toEqual(['inner.html', 'target.html']);
    }
  });

  // No device of the machine is tried: a mistake would destroy it.
  it.each([false, true])(
    'is never put in the place of a pipe, overwriting: %s',
    async (overwrite) => {
      const pipe = join(directory, 'pipe');
      rmSync(pipe, { force: true });
      execFileSync('mkfifo', [pipe]);
      const refusal = {
        code: 'file-unwritten',
        message: `expected to write a file at ${pipe}, found a pipe`,
        hint: 'Give the name of a file: what is none is not replaced.',
      };
      await expect(assertFilePlace(pipe, overwrite, 'hint')).rejects.toMatchObject(refusal);
      await expect(writeNewFile(pipe, 'text', overwrite, 'hint')).rejects.toMatchObject(refusal);
      expect(lstatSync(pipe).isFIFO()).toBe(true);
    },
  );

  it('is not tried where no name can lead', async () => {
    const loop = join(directory, 'loop');
    symlinkSync('loop', loop);
    await expect(assertFilePlace(loop, true, 'hint')).rejects.toMatchObject({
      code: 'file-unwritten',
      message: expect.stringContaining(`expected to write ${loop}, could not: ELOOP`),
    });
  });
});
