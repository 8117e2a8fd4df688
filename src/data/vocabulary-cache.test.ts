import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trainTokenizer } from './tokenizer.ts';
import { type LearnedTokenizer, learnOnce } from './vocabulary-cache.ts';

let directory: string;
let lessons: number;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'gru-lm-vocabulary-')), 'vocabularies');
  lessons = 0;
});

afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

async function learn(): Promise<LearnedTokenizer> {
  lessons += 1;
  const tokenizer = trainTokenizer('a small text', { kind: 'word' });
  return { tokenizer, notices: ['was learned'] };
}

describe('a tokenizer', () => {
  it('is learned once for a key', async () => {
    const first = await learnOnce(directory, 'ab12', learn);
    const second = await learnOnce(directory, 'ab12', learn);
    expect(lessons).toBe(1);
    expect(second.tokenizer.toJSON()).toEqual(first.tokenizer.toJSON());
    expect(second.notices).toEqual(['was learned']);
    await learnOnce(directory, 'cd34', learn);
    expect(lessons).toBe(2);
    expect(readdirSync(directory).sort()).toEqual(['ab12.json', 'cd34.json']);
  });

  it.each([
    ['is no JSON', '{"version":1,'],
    ['is of another version', '{"version":9,"tokenizer":{},"notices":[]}'],
    ['holds no tokenizer', '{"version":1,"tokenizer":{"kind":"char"},"notices":[]}'],
    ['is null', 'null'],
  ])('is learned again where what was kept %s', async (_, kept) => {
    await learnOnce(directory, 'ab12', learn);
    writeFileSync(join(directory, 'ab12.json'), kept);
    const { tokenizer } = await learnOnce(directory, 'ab12', learn);
    expect(lessons).toBe(2);
    expect(tokenizer.vocabularySize).toBe(5);
    await learnOnce(directory, 'ab12', learn);
    expect(lessons).toBe(2);
  });

  it('is learned where nothing can be kept', async () => {
    const file = join(directory, '..', 'file');
    writeFileSync(file, '');
    await learnOnce(join(file, 'below'), 'ab12', learn);
    expect(lessons).toBe(1);
  });

  it('that was not used for long is dropped when another is kept', async () => {
    await learnOnce(directory, 'ab12', learn);
    const longAgo = new Date(Date.now() - 40 * 24 * 3600 * 1000);
    utimesSync(join(directory, 'ab12.json'), longAgo, longAgo);
    await learnOnce(directory, 'cd34', learn);
    expect(readdirSync(directory)).toEqual(['cd34.json']);
  });
});
