import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { RuntimeEvent } from './events.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
// Large enough that its unpacking reports progress before it ends.
const wheel = shop.wheel('wheel', 4_000_000);

/** The wheels of TensorFlow and of oneDNN. */
const fetchCount = 3;

type Line = RuntimeEvent | { built: string };

interface FirstRun {
  child: ChildProcess;
  lines: Line[];
  ended: Promise<unknown>;
}

let cacheCount = 0;
function freshCache(): string {
  cacheCount += 1;
  return shop.directory(`cache-${cacheCount}`);
}

const started: FirstRun[] = [];
afterAll(() => {
  for (const { child } of started) child.kill('SIGKILL');
  shop.remove();
});

/** Starts a first run in a process of its own. */
function startFirstRun(cache: string, env: Record<string, string> = {}): FirstRun {
  const script = fileURLToPath(new URL('./testing/first-run.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: {
      PATH: process.env.PATH,
      GRU_LM_CACHE: cache,
      PINS: JSON.stringify({ pins: [wheel.pin], oneDnnPins: [wheel.oneDnn] }),
      CXX: shop.compiler(),
      GRU_LM_PYTHON: shop.python(wheel, 'wheel'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((part) => JSON.parse(part) as Line));
  });
  const run = { child, lines, ended: once(child, 'close') };
  started.push(run);
  return run;
}

function built(run: FirstRun): string | undefined {
  return run.lines.map((line) => ('built' in line ? line.built : undefined)).find(Boolean);
}

function countPhase(runs: FirstRun[], phase: string): number {
  const lines = runs.flatMap((run) => run.lines);
  return lines.filter((line) => 'type' in line && line.type === 'phase' && line.phase === phase)
    .length;
}

function expectWhole(cache: string): void {
  expect(
    readdirSync(join(cache, 'runtime'))
      .map((name) => name.replace(/-.*/, ''))
      .sort(),
  ).toEqual(['binding', 'onednn', 'operations', 'tensorflow']);
}

describe('first runs at once', () => {
  it.each([2, 8])('fetch and build once: %i', async (count) => {
    const cache = freshCache();
    const runs = Array.from({ length: count }, () => startFirstRun(cache));
    await Promise.all(runs.map((run) => run.ended));
    expect(new Set(runs.map(built)).size).toBe(1);
    expect(built(runs[0]!)).toContain(join(cache, 'runtime', 'binding-'));
    expect(countPhase(runs, 'fetch')).toBe(fetchCount);
    expect(countPhase(runs, 'build')).toBe(2);
    expectWhole(cache);
  });

  it('tell that they wait for the one that fetches', async () => {
    const cache = freshCache();
    const marker = join(shop.root, 'waiting-marker');
    const first = startFirstRun(cache, { GRU_LM_PYTHON: shop.python(wheel, 'stuck', { marker }) });
    await waitFor(() => readProcessIds(marker).length > 0);
    const second = startFirstRun(cache);
    await waitFor(() => second.lines.length > 0);
    expect(second.lines).toEqual([
      { type: 'wait', message: 'waiting for another gru-lm that is setting up TensorFlow' },
    ]);
    first.child.kill('SIGKILL');
    endOrphans(marker);
    await second.ended;
    expect(built(second)).toBeDefined();
    expectWhole(cache);
  });
});

describe('a first run that is killed', () => {
  const unpacking = (run: FirstRun) =>
    run.lines.some((line) => 'type' in line && line.type === 'progress' && line.phase === 'unpack');
  interface Kill {
    stage: string;
    settings: (marker: string) => Record<string, string>;
    isThere: (run: FirstRun, marker: string) => boolean;
    leaves: string[];
  }
  const kills: Kill[] = [
    {
      stage: 'download',
      settings: (marker) => ({ GRU_LM_PYTHON: shop.python(wheel, 'stuck', { marker }) }),
      isThere: (_run, marker) => readProcessIds(marker).length > 0,
      leaves: ['lock', 'tmp'],
    },
    {
      stage: 'unpacking',
      settings: () => ({ STAND_STILL_AT: 'unpack' }),
      isThere: unpacking,
      leaves: ['lock', 'tmp', 'tmp'],
    },
    {
      stage: 'build',
      settings: (marker) => ({ CXX: shop.compiler('stuck-c++', { isStuck: true, marker }) }),
      // The binding's two addons are compiled at once, and the native operations beside them.
      isThere: (_run, marker) => readProcessIds(marker).length > 2,
      leaves: ['lock', 'onednn', 'tensorflow', 'tmp', 'tmp'],
    },
  ];

  it.concurrent.each(kills)(
    'during the $stage leaves nothing that the next run does not mend',
    async ({ stage, settings, isThere, leaves }) => {
      const cache = freshCache();
      const marker = join(shop.root, `${stage}-marker`);
      const first = startFirstRun(cache, settings(marker));
      await waitFor(() => isThere(first, marker));
      first.child.kill('SIGKILL');
      await waitFor(() => first.child.signalCode !== null);
      endOrphans(marker);
      const left = readdirSync(join(cache, 'runtime')).map((name) => name.replace(/-.*/, ''));
      expect(left.sort()).toEqual(leaves);
      const second = startFirstRun(cache);
      await second.ended;
      expect(built(second)).toBeDefined();
      expect(countPhase([second], 'fetch')).toBe(leaves.includes('tensorflow') ? 0 : fetchCount);
      expectWhole(cache);
    },
  );
});

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

/** The process ids in a file; none as long as there is no file. */
function readProcessIds(marker: string): number[] {
  if (!existsSync(marker)) return [];
  return readFileSync(marker, 'utf8').split('\n').filter(Boolean).map(Number);
}

/** Ends the children that a killed run left behind. */
function endOrphans(marker: string): void {
  for (const processId of readProcessIds(marker)) process.kill(processId, 'SIGKILL');
}
