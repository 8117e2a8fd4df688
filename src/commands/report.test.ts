/** `report`, from runs and evaluations on the disk to a page. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { EvaluationResult } from '../library/events.ts';
import type { ReportData } from '../report/report-data.ts';
import { run as report } from './report.ts';
import { saveSmallRun } from './testing/small-run.ts';

const { signal } = new AbortController();
const root = mkdtempSync(join(tmpdir(), 'gru-lm-report-'));
const at = (...names: string[]) => join(root, ...names);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const FIGURES = {
  ...{ tokens: 12, oovTokens: 0, natsPerToken: 1.5, perplexity: 4.5, perplexityWithoutOov: 4.5 },
  ...{ perplexityPerWord: 90, words: 3, bitsPerCharacter: 2, bitsPerByte: 2 },
};

test('evaluations of a run are under its name on the page', async () => {
  await saveSmallRun(at('fox'));
  const checkpoint = at('fox', 'step-00000020');
  const evaluation: EvaluationResult = {
    ...{ split: 'valid', ...FIGURES, streams: 1, convention: 'one stream' },
    ...{ textId: 'a', tokenizerId: 'b' },
    ...{ checkpoint, step: 20 },
  };
  writeFileSync(at('eval.json'), `${JSON.stringify(evaluation)}\n`);
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await report({ out: at('page.html'), eval: [at('eval.json')] }, [at('fox')], signal);
  } finally {
    write.mockRestore();
  }
  const page = readFileSync(at('page.html'), 'utf8');
  const [, json] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page) ?? [];
  expect((JSON.parse(json as string) as ReportData).evaluations).toMatchObject([
    { name: 'fox, step 20', text: 'valid', figures: { perplexity: 4.5 } },
  ]);
});

test('a file that is none is said before anything is written', async () => {
  writeFileSync(at('other.json'), '{}\n');
  await expect(
    report({ out: at('none.html'), eval: [at('other.json')] }, [at('fox')], signal),
  ).rejects.toThrow(`expected what gru-lm eval --json prints in ${at('other.json')}`);
  expect(() => readFileSync(at('none.html'))).toThrow('ENOENT');
});

test('a history that is none is told, and the page has what is known without it', async () => {
  await saveSmallRun(at('hare'));
  writeFileSync(at('hare', 'history.csv'), 'mine\n');
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await report({ out: at('hare.html') }, [at('hare')], signal);
    expect(told.mock.calls.join('')).toContain(
      `expected the history of this run in ${at('hare', 'history.csv')}, found another first line: `,
    );
  } finally {
    told.mockRestore();
    write.mockRestore();
  }
  expect(readFileSync(at('hare.html'), 'utf8')).toContain('id="data"');
});
