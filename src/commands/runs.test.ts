import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { lockRun, type RunLock } from '../checkpoint/lock.ts';
import { listRuns } from '../checkpoint/runs.ts';
import { run } from './runs.ts';
import { saveSmallRun } from './testing/small-run.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-runs-'));
const LONG = 'a name that is longer than its column';
const LONGEST = '長'.repeat(80);
const HOSTILE = 'x\u001b[2J\u009b\nrun';
const locks: RunLock[] = [];

beforeAll(async () => {
  await saveSmallRun(join(directory, 'first'), { steps: [20, 30] });
  await saveSmallRun(join(directory, '第二'), { kind: 'word' });
  await saveSmallRun(join(directory, LONG));
  await saveSmallRun(join(directory, LONGEST));
  await saveSmallRun(join(directory, HOSTILE));
  await saveSmallRun(join(directory, 'busy'));
  mkdirSync(join(directory, 'no run'));
  writeFileSync(join(directory, 'no directory'), '');
  cpSync(join(directory, 'first'), join(directory, 'cut'), { recursive: true });
  truncateSync(join(directory, 'cut', 'step-00000030', 'weights.safetensors'), 9);
  cpSync(join(directory, 'first'), join(directory, 'odd'), { recursive: true });
  writeFileSync(join(directory, 'odd', 'run.json'), 'odd\u001b[2J');
  for (const name of ['cut', 'odd']) utimesSync(join(directory, name), 1, 1);
  mkdirSync(join(directory, 'new'));
  for (const name of ['new', 'busy']) locks.push(await lockRun(join(directory, name)));
});

afterAll(async () => {
  for (const lock of locks) await lock.release();
  rmSync(directory, { recursive: true, force: true });
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** What the command prints. */
async function printed(options: { json?: boolean }, where = directory): Promise<string[]> {
  let output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += text;
    return true;
  });
  await run(options, [where], new AbortController().signal);
  return output.split('\n').slice(0, -1);
}

describe('the runs of a directory', () => {
  it('are those with checkpoints and those in training, the last saved first', async () => {
    const runs = await listRuns(directory);
    const names = runs.map(({ name }) => name);
    expect([...names].sort()).toEqual(
      ['first', '第二', LONG, LONGEST, HOSTILE, 'busy', 'cut', 'odd', 'new'].sort(),
    );
    expect(names.slice(-2).sort()).toEqual(['cut', 'odd']);
    const times = runs.flatMap(({ figures }) => (figures ? [figures.created] : []));
    expect(times).toEqual([...times].sort().reverse());
    expect(
      runs
        .filter(({ training }) => training)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['busy', 'new']);
  });

  it('have figures that follow from what they were made of', async () => {
    const [only] = await listRuns(join(directory, 'first'));
    // Embedding V × 2; two layers of (2 or 3) × 9, 3 × 9 and 2 · 9; output V × 3 + V.
    const { vocabularySize, bytes, created, ...rest } = only!.figures!;
    const layers = 2 * 9 + 3 * 9 + 18 + (3 * 9 + 3 * 9 + 18);
    expect(rest).toEqual({
      parameters: vocabularySize * 2 + layers + vocabularySize * 4,
      step: 30,
      finished: false,
      bestNatsPerToken: 2.3,
      bestStep: 10,
      tokenizer: 'char',
    });
    expect(Date.parse(created)).toBeLessThanOrEqual(Date.now());
    // Three tensors' worth of float32 in each of two checkpoints, and more.
    expect(bytes).toBeGreaterThan(2 * 3 * 4 * rest.parameters);
  });

  it('that are damaged are named with what is wrong, and the others listed', async () => {
    const lines = await printed({ json: true });
    const runs = lines.map((line) => JSON.parse(line));
    const problem = (name: string) => runs.find((each) => each.name === name).problem;
    expect(problem('cut')).toMatch(
      /weights\.safetensors: expected \d+ bytes, found something else/,
    );
    expect(problem('odd')).toMatch(/run\.json/);
    expect(runs.filter((each) => each.problem !== undefined)).toHaveLength(2);
    expect(runs.find((each) => each.name === 'new')).toEqual({
      ...{ name: 'new', path: join(directory, 'new'), training: true },
    });
    expect(runs.find((each) => each.name === 'busy')).toMatchObject({ training: true, step: 20 });
  });

  it('stand in lines of less than 80 columns, whatever they are called', async () => {
    const lines = await printed({});
    for (const line of lines) {
      expect(stringWidth(line)).toBeLessThan(80);
      expect(line).not.toMatch(/\p{Cc}/u);
    }
    expect(lines[0]).toBe('run               params      size   valid  steps  tokens      saved');
    expect(lines).toContain(LONG);
    expect(lines).toContain(`${'長'.repeat(19)}…${'長'.repeat(19)}`);
    expect(lines.find((line) => line.startsWith('第二 '))).toMatch(
      /^第二 {14} +\d+ +\d+\.\d kB +2\.3000 +20 {2}word \d+ +\d{4}-\d\d-\d\d \d\d:\d\d$/,
    );
    expect(lines.find((line) => line.startsWith('busy'))).toMatch(/char \d+ +in training$/);
    expect(lines.find((line) => line.startsWith('new'))).toMatch(/^new +in training$/);
    expect(lines.find((line) => line.startsWith('odd'))).toMatch(/^odd +damaged: .*run\.json/);
    expect(lines.find((line) => line.startsWith('x␛'))).toBeDefined();
  });

  it('may be none, which is said; a directory that is not there is an error', async () => {
    const notices = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await printed({}, join(directory, 'no run'))).toEqual([]);
    expect(String(notices.mock.calls[0]![0])).toMatch(/^no runs in .*no run; gru-lm train/);
    await expect(printed({}, join(directory, 'nowhere'))).rejects.toMatchObject({
      code: 'checkpoint-missing',
    });
  });
});
