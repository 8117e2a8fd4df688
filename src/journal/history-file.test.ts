import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'gru-lm-history-'));
});
afterEach(() => rm(run, { recursive: true }));

const text = () => readFile(join(run, HISTORY_FILE), 'utf8');

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
  const file = new HistoryFile(run);
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
  const file = new HistoryFile(run);
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
  const file = new HistoryFile(run);
  file.add({ type: 'eval', step: 1, natsPerToken: 1000, isBest: true });
  await file.flush();
  expect(await text()).toBe(`${HISTORY_HEADER}1,,,1000,,,,,\r\n`);
});

test('a validation after the flush of its step is in that step’s row', async () => {
  const file = new HistoryFile(run);
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
  const file = new HistoryFile(run);
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
  const steps = 24;

  test('has each row once, whenever it saved and was killed', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ save: fc.integer({ min: 1, max: 9 }), kill: fc.nat(9) }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (sessions) => {
          await rm(join(run, HISTORY_FILE), { force: true });
          let from = 0;
          for (const [session, { save, kill }] of [...sessions, { save: 3, kill: 0 }].entries()) {
            const isLast = session === sessions.length;
            const rows = from > 0 ? await readHistory(run, saved(from)) : [];
            const file = new HistoryFile(run, rows);
            const savedAt = isLast ? steps : Math.min(steps, from + save);
            for (let at = from + 1; at <= Math.min(steps, savedAt + kill); at++) {
              file.add(step(at));
              if (at % 4 === 0) file.add(validation(at));
              if (at === savedAt || at % save === 0) await file.flush();
            }
            // Of a write that was cut off.
            if (!isLast) await writeFile(join(run, HISTORY_FILE), '99,0.1', { flag: 'a' });
            from = savedAt;
            if (isLast) await file.flush();
          }
          const reference = new HistoryFile(run);
          const found = await text();
          for (let at = 1; at <= steps; at++) {
            reference.add(step(at));
            if (at % 4 === 0) reference.add(validation(at));
          }
          await reference.flush();
          expect(found).toBe(await text());
        },
      ),
      { numRuns: 50 },
    ));

  test('takes no rows of another run, or of a file that is not its own', async () => {
    const validations = [
      { ...{ step: 4, learningRate: 4e-7 }, trainLoss: 0.25, validNats: 0.5 },
    ].map((row) => ({ ...row, elapsedSeconds: 4 }));
    expect(await readHistory(run, saved(5))).toEqual(validations);
    const file = new HistoryFile(run);
    for (const at of [1, 2, 3, 4]) file.add(step(at));
    file.add({ type: 'eval', step: 4, natsPerToken: 0.51, isBest: true });
    file.add(step(5));
    await file.flush();
    expect(await readHistory(run, saved(5))).toEqual(validations);
    await writeFile(join(run, HISTORY_FILE), 'a,b\r\n1,2\r\n');
    expect(await readHistory(run, saved(5))).toEqual(validations);
  });
});

test('a directory that was taken away gets a whole file again', async () => {
  const file = new HistoryFile(run);
  file.add(step(1));
  await file.flush();
  await rm(join(run, HISTORY_FILE));
  file.add(step(2));
  await file.flush();
  expect(await text()).toBe(`${HISTORY_HEADER}2,0.25,0.5,,,2e-7,2.1,1000,2\r\n`);
  expect(await readdir(run)).toEqual([HISTORY_FILE]);
});

test('what could not be written is written the next time', async () => {
  const directory = join(run, 'later');
  const file = new HistoryFile(directory);
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
