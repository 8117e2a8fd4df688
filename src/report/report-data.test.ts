import { describe, expect, it } from 'vitest';
import type { CheckpointModel } from '../checkpoint/model.ts';
import {
  SMALL_DATA,
  SMALL_OPTIONS,
  smallSnapshot,
  smallTokenizer,
} from '../commands/testing/small-run.ts';
import { modelConfigOf } from '../config/train.ts';
import type { HistoryRow } from '../journal/history-rows.ts';
import { reportPage } from './page.ts';
import { type ReportData, type ReportedRun, reportData } from './report-data.ts';

const HOSTILE = '</script><script>alert(1)</script><!-- \u2028 "\'`$&';

/** A run with a validation and so many steps. */
function runAt(path: string, { steps = 20, sample = 'text' } = {}): ReportedRun {
  const tokenizer = smallTokenizer('char');
  const { progress, run, clock, history } = smallSnapshot(tokenizer, 20);
  const rows: HistoryRow[] = Array.from({ length: steps }, (_, i) => ({
    ...{ step: i + 1, epoch: (i + 1) / 8, trainLoss: 4 - i / steps, learningRate: 0.1 },
    ...{ gradientNorm: 1, tokensPerSecond: 1000, elapsedSeconds: i + 1 },
  }));
  const model = {
    checkpoint: { path: `${path}/step-00000020`, step: 20, created: '2026-01-31T12:00:00.000Z' },
    options: SMALL_OPTIONS,
    tokenizer,
    modelConfig: modelConfigOf(SMALL_OPTIONS, tokenizer.vocabularySize),
    training: {
      ...{ progress, run, clock, data: SMALL_DATA },
      history: history.map((entry) => ({ ...entry, sample })),
    },
  } as unknown as CheckpointModel;
  return { model, rows };
}

const NOW = new Date('2026-02-01T00:00:00.000Z');

describe('what a report tells', () => {
  it('is of a run its figures, settings, curves, validations and samples', () => {
    const [run] = reportData([runAt('checkpoints/fox')], NOW).runs;
    expect(run).toMatchObject({
      ...{ name: 'fox', path: 'checkpoints/fox', step: 20, finished: false, epoch: 2.5 },
      best: { step: 10, nats: 2.3 },
      tokens: 'char, vocabulary 29',
      validations: [{ step: 10, epoch: 1.25, seconds: 1, trainLoss: 2.4, nats: 2.3 }],
      samples: [{ step: 10, text: 'text' }],
    });
    expect(run?.settings).toMatchObject({ '--hidden': '3', '--tied': 'no', '--max-steps': '40' });
    expect(run?.settings).not.toHaveProperty('--threads');
    expect(run?.texts.map(({ part, name }) => [part, name])).toEqual([
      ['corpus', 'a.txt'],
      ['test', 'texts'],
    ]);
    expect(run?.steps).toMatchObject({
      together: 1,
      step: runAt('a').rows.map(({ step }) => step),
    });
  });

  it('has no passes of a validation whose step has none', () => {
    const { model, rows } = runAt('a');
    // The step was left out.
    const without = rows.map((row) => (row.step === 10 ? { step: 10 } : row));
    const [run] = reportData([{ model, rows: without }], NOW).runs;
    expect(run?.validations).toMatchObject([{ step: 10, epoch: null }]);
  });

  it('is of a long run the means of steps beside each other', () => {
    const { steps } = reportData([runAt('a', { steps: 1001 })], NOW).runs[0]!;
    expect(steps.together).toBe(3);
    expect(steps.step).toHaveLength(334);
    expect(steps.step.slice(0, 2)).toEqual([2, 5]);
    expect(steps.loss[0]).toBeCloseTo(4 - 1 / 1001, 4);
    expect(steps.step.at(-1)).toBe((1000 + 1001) / 2);
  });

  it('tells runs of one name apart by where they are, and the same run twice by number', () => {
    const names = (...paths: string[]) =>
      reportData(
        paths.map((path) => runAt(path)),
        NOW,
      ).runs.map(({ name }) => name);
    expect(names('x/fox', 'x/dog')).toEqual(['fox', 'dog']);
    expect(names('x/fox', 'y/fox')).toEqual(['x/fox', 'y/fox']);
    expect(names('x/fox', 'x/fox')).toEqual(['1: fox', '2: fox']);
  });
});

describe('the page of a report', () => {
  const dataOf = (page: string) =>
    JSON.parse(
      /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)?.[1] as string,
    ) as ReportData;

  it('has one script of all modules, in which no name is there twice', () => {
    const script = /<script>(.*)<\/script>/s.exec(
      reportPage(reportData([runAt('a')], NOW)),
    )?.[1] as string;
    expect(script).not.toMatch(/^(im|ex)port /m);
    expect(() => new Function(script)).not.toThrow();
    const names = Array.from(
      script.matchAll(/^(?:const|let|(?:async )?function|class) (\w+)/gm),
      ([, name]) => name as string,
    );
    expect(names).toContain('showLosses');
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it('has hostile names and samples as data only, and unchanged', () => {
    const data = reportData([runAt(HOSTILE, { sample: HOSTILE })], NOW);
    const page = reportPage(data);
    expect(dataOf(page)).toEqual(data);
    expect(data.runs[0]?.samples[0]?.text).toBe(HOSTILE);
    expect(page.match(/<\/?script/g)).toHaveLength(4);
    expect(page).not.toContain('<!--');
    expect(page.replace(/<title>.*?<\/title>/s, '')).not.toMatch(/[\u2028\u2029]/);
  });

  it('names nothing outside of itself', () => {
    const page = reportPage(reportData([runAt('a')], NOW)).replace(
      "'http://www.w3.org/2000/svg'",
      '',
    );
    expect(page).not.toMatch(/https?:|ftp:|url\(|@import ["u]|\b(src|srcset)=/);
    expect(page).not.toContain('PAGE_');
  });
});
