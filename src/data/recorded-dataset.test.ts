import { expect, it } from 'vitest';
import { openRecordedDataset } from './recorded-dataset.ts';

it('a run’s texts are not looked for where they came through standard input', async () => {
  const source = { name: '-', fromRun: '../-', bytes: 3, sha256: '0'.repeat(64) };
  const record = { corpus: [source], valid: [], test: [] };
  await expect(
    openRecordedDataset({ tokenizer: 'char' } as never, record, '/nowhere', {} as never),
  ).rejects.toMatchObject({
    code: 'corpus-missing',
    message:
      'expected the run’s corpus again, found that it came through standard input and is not kept',
  });
});
