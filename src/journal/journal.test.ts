import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Journal, type JournalOptions } from './journal.ts';
import { HISTORY_FILE, TENSORBOARD_IN_RUN } from './places.ts';

let root: string;
let events: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gru-lm-journal-'));
  events = join(root, 'events');
});
afterEach(() => rm(root, { recursive: true }));

const onFailure = (error: Error) => {
  throw error;
};
const none = { history: [], clock: { history: [] } };
const resumed = { ...none, step: 3 };

function open(run: string, options: Partial<JournalOptions> = {}): Promise<Journal> {
  const whole = { tensorboard: undefined, resumed: undefined, overwrite: false };
  return Journal.open(join(root, run), { ...whole, onFailure, ...options });
}

/** What a session of a run leaves that saves a checkpoint. */
async function session(run: string, options: Partial<JournalOptions> = {}): Promise<void> {
  await mkdir(join(root, run), { recursive: true });
  const journal = await open(run, options);
  await mkdir(join(root, run, 'step-00000003'), { recursive: true });
  await journal.flush();
  await journal.close();
}

const namesIn = (directory: string) => readdir(directory).catch(() => undefined);
/** Those of event files that are not of `earlier`. */
const newIn = async (directory: string, earlier: readonly string[] | undefined) =>
  ((await namesIn(directory)) ?? []).filter((name) => !earlier?.includes(name));

describe('a run that replaces another', () => {
  test('takes its events out of a directory that is named, and is refused one with those of others', async () => {
    await session('a', { tensorboard: events });
    const first = await namesIn(events);
    await session('b', { tensorboard: events, resumed });
    const all = await namesIn(events);
    expect([first?.length, all?.length]).toEqual([1, 2]);
    for (const run of ['a', 'b']) {
      await expect(session(run, { tensorboard: events, overwrite: true })).rejects.toMatchObject({
        code: 'tensorboard-exists',
      });
    }
    expect(await namesIn(events)).toEqual(all);
    for (const name of await newIn(events, first)) await rm(join(events, name));
    const journal = await open('a', { tensorboard: relative('.', events), overwrite: true });
    // Only once there is a checkpoint in place of the other run's.
    expect(await namesIn(events)).toHaveLength(2);
    await journal.flush();
    await journal.close();
    expect(await namesIn(events)).toHaveLength(1);
    expect(await newIn(events, first)).toHaveLength(1);
  });

  test('is the one that is in its place, and not one that was moved away', async () => {
    await session('a', { tensorboard: events });
    const kept = await namesIn(events);
    await rename(join(root, 'a'), join(root, 'kept'));
    for (const run of ['a', 'kept']) {
      await expect(session(run, { tensorboard: events, overwrite: true })).rejects.toMatchObject({
        code: 'tensorboard-exists',
      });
    }
    expect(await namesIn(events)).toEqual(kept);
  });

  test.each([
    ['none', undefined],
    ['others', 'elsewhere'],
  ])('takes away events in the run’s own directory, with %s to come', async (_, place) => {
    await session('a', { tensorboard: TENSORBOARD_IN_RUN });
    await session('a', { tensorboard: TENSORBOARD_IN_RUN, resumed });
    const own = join(root, 'a', 'tensorboard');
    expect(await namesIn(own)).toHaveLength(2);
    const tensorboard = place && join(root, place);
    await (await open('a', { tensorboard, overwrite: true })).close();
    expect(await namesIn(own)).toHaveLength(2);
    await session('a', { tensorboard, overwrite: true });
    expect((await readdir(join(root, 'a'))).sort()).toEqual([HISTORY_FILE, 'step-00000003']);
    expect((await namesIn(join(root, 'elsewhere')))?.length).toBe(place && 1);
  });

  test('leaves in the run’s own directory what others wrote', async () => {
    const own = join(root, 'a', 'tensorboard');
    await session('a', { tensorboard: TENSORBOARD_IN_RUN });
    const first = await namesIn(own);
    await session('b', { tensorboard: own, resumed });
    await writeFile(join(own, 'notes.txt'), 'mine');
    const others = await newIn(own, first);
    await session('a', { overwrite: true });
    expect(await namesIn(own)).toEqual(others);
  });

  test('leaves events that the run’s own directory only links to', async () => {
    await mkdir(events);
    for (const run of ['a', 'b']) {
      await mkdir(join(root, run));
      await symlink(events, join(root, run, 'tensorboard'));
    }
    await session('a', { tensorboard: TENSORBOARD_IN_RUN });
    await session('b', { tensorboard: TENSORBOARD_IN_RUN, resumed });
    const all = await namesIn(events);
    await session('a', { overwrite: true });
    await expect(
      session('a', { tensorboard: TENSORBOARD_IN_RUN, overwrite: true }),
    ).rejects.toMatchObject({ code: 'tensorboard-exists' });
    expect(await namesIn(events)).toEqual(all);
  });
});

test('the run’s own directory is the same however it is named, and moves with the run', async () => {
  const own = join(root, 'a', 'tensorboard');
  await session('a', { tensorboard: relative('.', own) });
  await session('a', { tensorboard: TENSORBOARD_IN_RUN, overwrite: true });
  await session('a', { tensorboard: own, overwrite: true });
  expect(await namesIn(own)).toHaveLength(1);
  await rename(join(root, 'a'), join(root, 'b'));
  const moved = await namesIn(join(root, 'b', 'tensorboard'));
  await session('b', { tensorboard: TENSORBOARD_IN_RUN, overwrite: true });
  expect(await namesIn(join(root, 'b', 'tensorboard'))).toHaveLength(1);
  expect(await newIn(join(root, 'b', 'tensorboard'), moved)).toHaveLength(1);
});

test('a run that begins takes the place of one that left its events and no checkpoint', async () => {
  const own = join(root, 'a', 'tensorboard');
  await mkdir(own, { recursive: true });
  const left = 'events.out.tfevents.1700000000.host.1.gru-lm';
  await writeFile(join(own, left), '');
  await session('a', { tensorboard: TENSORBOARD_IN_RUN });
  expect(await namesIn(own)).toHaveLength(1);
  expect(await newIn(own, [left])).toHaveLength(1);
});

test('a history that is not the run’s is kept aside when it goes on, and that is told', async () => {
  const path = join(root, 'a', HISTORY_FILE);
  const told: string[] = [];
  await session('a');
  await writeFile(path, 'year,event\n1066,Hastings\n');
  await session('a', { resumed, onFailure: ({ message }) => told.push(message) });
  await session('a', { resumed });
  expect(told).toEqual([
    `expected the history of this run in ${path}, found another first line; that file is kept as ` +
      'history.csv.old, and a new one goes on with the rows that could be used',
  ]);
  expect(await readFile(`${path}.old`, 'utf8')).toBe('year,event\n1066,Hastings\n');
});
