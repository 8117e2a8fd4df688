import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPinnedPython, runPython, tensorboard } from '../../test/support/python.ts';
import type { JournalEvent } from './events.ts';
import { HistoryFile, readHistory, type SavedHistory } from './history-file.ts';
import { HISTORY_HEADER } from './history-rows.ts';
import { HISTORY_FILE } from './places.ts';

let run: string;
let path: string;
let warnings: string[];
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'gru-lm-history-'));
  path = join(run, HISTORY_FILE);
  warnings = [];
});
afterEach(() => rm(run, { recursive: true }));

/** The file of a session. */
const openFile = (resumed?: SavedHistory, directory = run) =>
  new HistoryFile(directory, ({ message }) => warnings.push(message), resumed);

const text = () => readFile(path, 'utf8');
/** The steps that have a row. */
const steps = async () =>
  (await text())
    .split('\r\n')
    .slice(1, -1)
    .map((line) => Number.parseInt(line, 10));
/** The cells of a step's row. */
const rowOf = async (at: number) =>
  (await text())
    .split('\r\n')
    .find((line) => line.startsWith(`${at},`))
    ?.split(',');

function step(at: number, session = 0): JournalEvent {
  return {
    ...{ type: 'step', step: at, epoch: at / 8, loss: 1 / at, learningRate: 1e-7 * at },
    ...{ gradientNorm: at + 0.1, tokensPerSecond: 1000 + session, elapsedSeconds: at },
    progress: 0,
  };
}

function validation(at: number): JournalEvent {
  return { type: 'eval', step: at, natsPerToken: 2 / at, isBest: true };
}

/** What a checkpoint of a step knows of a run that validates every fourth step. */
function saved(at: number): SavedHistory {
  const steps = Array.from({ length: Math.floor(at / 4) }, (_, i) => 4 * (i + 1));
  return {
    step: at,
    history: steps.map((one) => ({
      ...{ step: one, epoch: Math.floor(one / 8), learningRate: 1e-7 * one },
      ...{ trainLoss: 1 / one, validLoss: 2 / one },
    })),
    clock: { history: steps },
  };
}

test('is CSV of a header and a row for each step, with the validation after it', async () => {
  const file = openFile();
  for (const event of [step(1), step(2), validation(2), { type: 'skip', step: 3, found: 'NaN' }]) {
    file.add(event as JournalEvent);
  }
  await file.flush();
  const lines = [
    'step,epoch,train_loss,valid_nats,valid_perplexity,learning_rate,gradient_norm,tokens_per_second,elapsed_seconds',
    '1,0.125,1,,,1e-7,1.1,1000,1',
    `2,0.25,0.5,1,${Math.E},2e-7,2.1,1000,2`,
    '3,,,,,,,,',
    '',
  ];
  expect(await text()).toBe(lines.join('\r\n'));
});

test.runIf(hasPinnedPython)('Python reads it, number for number', async () => {
  const file = openFile();
  for (let at = 1; at <= 9; at++) file.add(step(at));
  file.add(validation(9));
  await file.flush();
  const script = `import csv, json, sys
with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file, strict=True))
print(json.dumps([{name: float(cell) for name, cell in row.items() if cell} for row in rows]))`;
  const read = await runPython(tensorboard, ['-c', script, join(run, HISTORY_FILE)]);
  const rows = JSON.parse(read) as Record<string, number>[];
  expect(rows.map(({ train_loss }) => train_loss)).toEqual(rows.map((_, i) => 1 / (i + 1)));
  expect(rows.map(({ learning_rate }) => learning_rate)).toEqual(
    rows.map((_, i) => 1e-7 * (i + 1)),
  );
  expect(rows.at(-1)).toMatchObject({ valid_nats: 2 / 9, valid_perplexity: Math.exp(2 / 9) });
  expect(rows[0]).not.toHaveProperty('valid_nats');
});

test('a perplexity beyond all numbers is left out', async () => {
  const file = openFile();
  file.add({ type: 'eval', step: 1, natsPerToken: 1000, isBest: true });
  await file.flush();
  expect(await text()).toBe(`${HISTORY_HEADER}1,,,1000,,,,,\r\n`);
});

test('a validation after the flush of its step is in that step’s row', async () => {
  const file = openFile();
  file.add(step(1));
  await file.flush();
  file.add(validation(1));
  file.add(step(2));
  await file.flush();
  expect((await text()).split('\r\n').slice(1, -1)).toEqual([
    `1,0.125,1,2,${Math.exp(2)},1e-7,1.1,1000,1`,
    '2,0.25,0.5,,,2e-7,2.1,1000,2',
  ]);
});

test('what the run went back from is gone, also from the file', async () => {
  const file = openFile();
  for (const event of [step(1), step(2), step(3)]) file.add(event);
  await file.flush();
  file.add({ type: 'rollback', step: 4, toStep: 1, found: 'loss NaN', rateShare: 0.5 });
  file.add(validation(1));
  for (const event of [step(2, 1), step(3, 1)]) file.add(event);
  await file.flush();
  const [, first, ...others] = (await text()).split('\r\n');
  expect(first).toBe(`1,0.125,1,2,${Math.exp(2)},1e-7,1.1,1000,1`);
  expect(others.map((row) => row.split(',')[7])).toEqual(['1001', '1001', undefined]);
});

describe('a run that is killed and goes on', () => {
  const length = 24;

  test('has each row once, whenever it saved and was killed', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ save: fc.integer({ min: 1, max: 9 }), kill: fc.nat(9) }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (sessions) => {
          await rm(path, { force: true });
          let from = 0;
          for (const [session, { save, kill }] of [...sessions, { save: 3, kill: 0 }].entries()) {
            const isLast = session === sessions.length;
            const file = openFile(from > 0 ? saved(from) : undefined);
            const savedAt = isLast ? length : Math.min(length, from + save);
            for (let at = from + 1; at <= Math.min(length, savedAt + kill); at++) {
              file.add(step(at));
              if (at % 4 === 0) file.add(validation(at));
              if (at === savedAt || at % save === 0) await file.flush();
            }
            // Of a write that was cut off.
            if (!isLast) await appendFile(path, '99,0.1');
            from = savedAt;
            if (isLast) await file.flush();
          }
          const reference = openFile();
          const found = await text();
          for (let at = 1; at <= length; at++) {
            reference.add(step(at));
            if (at % 4 === 0) reference.add(validation(at));
          }
          await reference.flush();
          expect(found).toBe(await text());
          expect(warnings).toEqual([]);
        },
      ),
      { numRuns: 50 },
    ));

  test('takes what spreadsheets and editors put around the rows', async () => {
    const whole = openFile();
    for (const at of [1, 2, 3]) whole.add(step(at));
    await whole.flush();
    const before = await text();
    for (const changed of [`\ufeff${before}`, `${before}\r\n\n`, before.trimEnd()]) {
      await writeFile(path, changed);
      const file = openFile(saved(3));
      file.add(step(4));
      await file.flush();
      expect((await text()).startsWith(before)).toBe(true);
      expect(await steps()).toEqual([1, 2, 3, 4]);
      expect(warnings).toEqual([]);
    }
  });

  test('writes rows one time after another, however often it is asked to', async () => {
    const file = openFile();
    const flushes = [1, 2, 3].map((at) => {
      file.add(step(at));
      return file.flush();
    });
    await Promise.all(flushes);
    const once = await text();
    await rm(path);
    const reference = openFile();
    for (const at of [1, 2, 3]) reference.add(step(at));
    await reference.flush();
    expect(once).toBe(await text());
  });

  test('takes no rows of another run, or of a file that is not its own', async () => {
    const validations = [
      { ...{ step: 4, learningRate: 4e-7 }, trainLoss: 0.25, validNats: 0.5 },
    ].map((row) => ({ ...row, elapsedSeconds: 4 }));
    expect((await readHistory(run, saved(5))).rows).toEqual(validations);
    const file = openFile();
    for (const at of [1, 2, 3, 4]) file.add(step(at));
    file.add({ type: 'eval', step: 4, natsPerToken: 0.51, isBest: true });
    file.add(step(5));
    await file.flush();
    expect((await readHistory(run, saved(5))).rows).toEqual(validations);
    await writeFile(path, 'a,b\r\n1,2\r\n');
    expect((await readHistory(run, saved(5))).rows).toEqual(validations);
  });
});

test('a directory that was taken away gets a whole file again', async () => {
  const file = openFile();
  file.add(step(1));
  await file.flush();
  await rm(path);
  file.add(step(2));
  await file.flush();
  expect(await text()).toBe(`${HISTORY_HEADER}2,0.25,0.5,,,2e-7,2.1,1000,2\r\n`);
  expect(await readdir(run)).toEqual([HISTORY_FILE]);
});

test('what could not be written is written the next time', async () => {
  const directory = join(run, 'later');
  const file = openFile(undefined, directory);
  file.add(step(1));
  await expect(file.flush()).rejects.toThrow(/expected to write .*history\.csv, found: ENOENT/);
  file.add(validation(1));
  file.add(step(2));
  await mkdir(directory);
  await file.flush();
  expect(
    (await readFile(join(directory, HISTORY_FILE), 'utf8')).split('\r\n').slice(1, -1),
  ).toEqual([`1,0.125,1,2,${Math.exp(2)},1e-7,1.1,1000,1`, '2,0.25,0.5,,,2e-7,2.1,1000,2']);
});

/** A session that writes steps up to `to` and their validations, and has them on the disk. */
async function write(file: HistoryFile, from: number, to: number): Promise<void> {
  for (let at = from; at <= to; at++) {
    file.add(step(at));
    if (at % 4 === 0) file.add(validation(at));
  }
  await file.flush();
}

/** What `write` gives, as a file. */
async function written(to: number): Promise<string> {
  await write(openFile(), 1, to);
  return text();
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a file that something touched', () => {
  const ways: [string, (before: string) => string][] = [
    ['lines that end with LF alone', (before) => before.replaceAll('\r\n', '\n')],
    ['numbers of ten digits', (before) => before.replaceAll(/(\.\d{9})\d+/g, '$1')],
  ];

  test.each(ways)('keeps its rows when the run is resumed: %s', async (_, change) => {
    await writeFile(path, change(await written(10)));
    await write(openFile(saved(10)), 11, 12);
    expect(await steps()).toEqual(range(1, 12));
    expect(await readdir(run)).toEqual([HISTORY_FILE]);
    expect(warnings).toEqual([]);
  });

  test.each(ways)('keeps its rows while the run goes on: %s', async (_, change) => {
    const file = openFile();
    await write(file, 1, 10);
    await writeFile(path, change(await text()));
    await write(file, 11, 12);
    await write(file, 13, 14);
    expect(await steps()).toEqual(range(1, 14));
    expect((await rowOf(10))?.[2]).toBe('0.1');
    expect(await readdir(run)).toEqual([HISTORY_FILE]);
    expect(warnings).toEqual([]);
  });

  const unusable: [string, (before: string) => string, RegExp, number[]][] = [
    ['another header', (before) => `note,${before}`, /another first line/, [4, 8]],
    ['nothing in it', () => '', /another first line/, [4, 8]],
    [
      'a line that is no row',
      (before) => before.replace('\r\n6,', '\r\nsix,'),
      /line 7/,
      [1, 2, 3, 4, 5, 8],
    ],
    [
      'rows of another run',
      (before) => before.replace(/^4,.*$/m, '4,0.5,0.25,0.51,1.66,4e-7,4.1,1000,4\r'),
      /validations of another run/,
      [4, 8],
    ],
    ['a note at its end', (before) => `${before}the loss rises here\r\n`, /line 12/, range(1, 10)],
  ];

  test.each(unusable)(
    'is kept aside when the run is resumed, with what could be used in a new one: %s',
    async (_, change, problem, rows) => {
      const changed = change(await written(10));
      await writeFile(path, changed);
      expect((await readHistory(run, saved(10))).rows.map((row) => row.step)).toEqual(rows);
      const file = openFile(saved(10));
      await write(file, 11, 12);
      await write(file, 13, 14);
      expect(await readFile(`${path}.old`, 'utf8')).toBe(changed);
      expect(await steps()).toEqual([...rows, 11, 12, 13, 14]);
      expect(warnings).toEqual([expect.stringMatching(problem)]);
      expect(warnings[0]).toMatch(/expected the history of this run in .*history\.csv, found/);
      expect(warnings[0]).toContain('history.csv.old');
      // What is there now is the run's.
      await write(openFile(saved(14)), 15, 16);
      expect(await steps()).toEqual([...rows, ...range(11, 16)]);
      expect(warnings).toHaveLength(1);
    },
  );

  test.each(unusable)(
    'is kept aside while the run goes on, with what could be used in a new one: %s',
    async (_, change, problem, rows) => {
      const file = openFile();
      await write(file, 1, 10);
      const changed = change(await text());
      await writeFile(path, changed);
      await write(file, 11, 12);
      expect(await readFile(`${path}.old`, 'utf8')).toBe(changed);
      expect(await steps()).toEqual([...rows, 11, 12]);
      expect(warnings).toEqual([expect.stringMatching(problem)]);
    },
  );

  test('is kept aside where it was shortened while the run goes on', async () => {
    const file = openFile();
    await write(file, 1, 10);
    const shorter = (await text()).slice(0, (await text()).indexOf('7,0.875'));
    await writeFile(path, shorter);
    await write(file, 11, 12);
    expect(await readFile(`${path}.old`, 'utf8')).toBe(shorter);
    expect(await steps()).toEqual([...range(1, 6), 8, 11, 12]);
    expect(warnings).toEqual([expect.stringContaining('no row of step 10')]);
    await write(openFile(saved(12)), 13, 14);
    expect(await steps()).toEqual([...range(1, 6), 8, ...range(11, 14)]);
    expect(warnings).toHaveLength(1);
  });

  test('is kept aside where a run goes back', async () => {
    const file = openFile();
    await write(file, 1, 10);
    await writeFile(path, 'a,b\r\n1,2\r\n');
    file.add({ type: 'rollback', step: 11, toStep: 6, found: 'loss NaN', rateShare: 0.5 });
    await write(file, 7, 8);
    expect(await readFile(`${path}.old`, 'utf8')).toBe('a,b\r\n1,2\r\n');
    expect(await steps()).toEqual([4, 7, 8]);
    expect(warnings).toHaveLength(1);
  });

  test('is kept aside where it cannot be read, under a name that is free', async () => {
    await mkdir(path);
    await writeFile(join(path, 'notes.txt'), 'mine');
    await writeFile(`${path}.old`, 'mine, too');
    await write(openFile(saved(10)), 11, 12);
    expect(await steps()).toEqual([4, 8, 11, 12]);
    expect(await readFile(`${path}.old`, 'utf8')).toBe('mine, too');
    expect(await readdir(`${path}.old-2`)).toEqual(['notes.txt']);
    expect(warnings).toEqual([expect.stringContaining('EISDIR')]);
  });

  test('is kept aside where a run begins and it is of no run, and else replaced', async () => {
    await writeFile(path, 'a,b\r\n1,2\r\n');
    await write(openFile(), 1, 2);
    expect(await readFile(`${path}.old`, 'utf8')).toBe('a,b\r\n1,2\r\n');
    expect(warnings).toHaveLength(1);
    await write(openFile(), 1, 1);
    expect(await steps()).toEqual([1]);
    expect((await readdir(run)).sort()).toEqual([HISTORY_FILE, `${HISTORY_FILE}.old`]);
    expect(warnings).toHaveLength(1);
  });
});

describe('a run that goes on', () => {
  test('has a row for each earlier validation where the file was removed', async () => {
    const file = openFile();
    await write(file, 1, 10);
    await rm(path);
    await write(file, 11, 12);
    expect(await steps()).toEqual([4, 8, 11, 12]);
    await write(openFile(saved(12)), 13, 13);
    expect(await steps()).toEqual([4, 8, 11, 12, 13]);
    expect(warnings).toEqual([]);
  });

  test('keeps the rows of a file that could not be written to its last step', async () => {
    await written(6);
    await write(openFile(saved(10)), 11, 12);
    expect(await steps()).toEqual([...range(1, 6), 8, 11, 12]);
    expect((await rowOf(8))?.slice(2, 4)).toEqual(['0.125', '0.25']);
    expect(warnings).toEqual([]);
  });

  test('keeps the rows where the last has a validation that the checkpoint does not know', async () => {
    await written(8);
    const before = saved(8);
    const known = { ...before, history: before.history.slice(0, 1) };
    await write(openFile(known), 9, 9);
    expect(await steps()).toEqual(range(1, 9));
    expect((await rowOf(8))?.[3]).toBe('');
    expect(warnings).toEqual([]);
  });
});
