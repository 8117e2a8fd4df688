import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addToHistory, historyPath, LINES_KEPT, readHistory } from './interactive-history.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-history-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('the history', () => {
  it('keeps the last lines of all sessions, for its owner alone', async () => {
    const path = join(directory, 'data', 'history');
    expect(await readHistory(path)).toEqual([]);
    await addToHistory(path, ['one', 'two', 'two']);
    await addToHistory(path, []);
    await addToHistory(path, ['three']);
    expect(await readHistory(path)).toEqual(['one', 'two', 'three']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const many = Array.from({ length: LINES_KEPT + 5 }, (_, i) => `line ${i}`);
    await addToHistory(path, many);
    expect(await readHistory(path)).toEqual(many.slice(5));
  });

  it('has no control characters in it, whoever wrote the file', async () => {
    const path = join(directory, 'hostile');
    writeFileSync(path, 'a\u001b[2J\tb\u009b\nplain\n');
    expect(await readHistory(path)).toEqual(['a␛[2J b\ufffd', 'plain']);
    await addToHistory(path, ['x\u0007y\u202e']);
    expect(await readHistory(path)).toEqual(['a␛[2J b\ufffd', 'plain', 'x␇y\ufffd']);
  });

  it('stays behind the link that the user made', async () => {
    const file = join(directory, 'dotfiles-history');
    const link = join(directory, 'link');
    writeFileSync(file, 'one\n');
    symlinkSync(file, link);
    await addToHistory(link, ['two']);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    rmSync(file);
    await addToHistory(link, ['three']);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('three\n');
  });

  it('is not kept in what is no file of lines', async () => {
    const long = join(directory, 'long');
    writeFileSync(long, '');
    truncateSync(long, 9e6);
    await addToHistory(long, ['one']);
    expect(statSync(long).size).toBe(9e6);
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await addToHistory(pipe, ['one']);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    const place = join(directory, 'place');
    mkdirSync(place);
    await addToHistory(place, ['one']);
    expect(await readHistory(place)).toEqual([]);
  });

  it('is where the user wants it, or nowhere', () => {
    expect(historyPath({ GRU_LM_HISTORY: '/some/file' })).toBe('/some/file');
    expect(historyPath({ GRU_LM_HISTORY: '' })).toBeUndefined();
    expect(historyPath({})).toMatch(/gru-lm.*history$/i);
  });
});
