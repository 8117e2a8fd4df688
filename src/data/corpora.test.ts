import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { planSplit } from './split.ts';
import { trainTokenizer } from './tokenizer.ts';

const directory = new URL('../../corpora/', import.meta.url);
const read = (name: string) => readFile(new URL(name, directory));

describe('the corpora of the project', () => {
  it('match their checksums and their description', async () => {
    const sums = (await read('SHA256SUMS')).toString().trim().split('\n');
    const readme = (await read('README.md')).toString();
    expect(sums.length).toBe(4);
    for (const line of sums) {
      const [sum, name] = line.split('  ') as [string, string];
      const bytes = await read(name);
      expect(createHash('sha256').update(bytes).digest('hex'), name).toBe(sum);
      expect(readme).toContain(name);
      expect(readme).toContain(sum);
      expect(readme).toContain(bytes.length.toLocaleString('en'));
      const lines = bytes.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
      expect(readme).toContain(lines.toLocaleString('en'));
    }
  });

  it('tinyshakespeare splits into its customary 90% and 10%, with 65 characters', async () => {
    const text = (await read('tinyshakespeare.txt')).toString('latin1');
    const { trainEnd, validEnd } = planSplit(text.length);
    expect([trainEnd, validEnd - trainEnd]).toEqual([1_003_854, 111_540]);
    const tokenizer = trainTokenizer(text.slice(0, trainEnd), { kind: 'char' });
    expect(tokenizer.vocabularySize).toBe(65 + 1);
    expect(tokenizer.findUnknown(text)).toBeUndefined();
  });
});
