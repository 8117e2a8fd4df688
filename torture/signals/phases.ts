/** The phases of a run: what makes each last long enough, shows that it has begun, and what it may leave. */

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDirectory } from '../../src/cache-directory.ts';
import { isTemporaryName } from '../../src/durable-files.ts';
import { startSlowIndex } from './slow-index.ts';

/** What is done where a signal may come, and how long after its beginning one comes at most. */
export const PHASES = {
  fetch: 1000,
  build: 500,
  vocabulary: 4000,
  tokens: 700,
  'first step': 1500,
  training: 2000,
  evaluation: 2000,
  saving: 30,
} as const;
export type Phase = keyof typeof PHASES;

export interface Place {
  readonly env: NodeJS.ProcessEnv;
  readonly flags: readonly string[];
  readonly isReached: (stdout: string) => boolean;
  /** Throws where something is left that should not be. */
  readonly assertClean: () => Promise<void>;
  readonly close: () => void;
}

/** What makes a phase last, and shows that it has begun. */
export async function preparePhase(phase: Phase, run: string): Promise<Place> {
  const cache = join(run, 'cache');
  const out = join(run, 'out');
  const text = join(cache, 'text');
  const common = { env: {}, assertClean: async () => {}, close: () => {} };
  const isPrinted = (line: string) => (stdout: string) => stdout.includes(line);
  const endless = ['--max-steps', '100000', '--sample-every', '0'];
  switch (phase) {
    case 'fetch':
      return await prepareFetch(cache, out);
    case 'build':
      return prepareBuild(run, cache, out);
    case 'vocabulary':
    case 'tokens':
      return {
        env: { GRU_LM_CACHE: cache },
        flags: ['--tokenizer', 'bpe', '--vocab-size', phase === 'tokens' ? '300' : '8192'],
        isReached: () =>
          phase === 'tokens' ? listed(join(text, 'vocabularies')).length > 0 : existsSync(text),
        assertClean: async () => {
          assert.deepEqual(listed(join(text, 'tokens')).filter(isHidden), []);
          assert.ok(!existsSync(out));
        },
        close: () => {},
      };
    case 'first step':
      return { ...common, flags: endless, isReached: () => existsSync(out) };
    case 'training':
      return { ...common, flags: endless, isReached: isPrinted('"event":"step","step":2,') };
    case 'evaluation':
      return {
        ...common,
        flags: [...endless, '--eval-every', '3', '--valid-split', '0.4'],
        isReached: isPrinted('"event":"step","step":3,'),
      };
    case 'saving':
      return {
        ...common,
        flags: [...endless, '--save-every', '1', '--eval-every', '100000'],
        isReached: (stdout) =>
          stdout.includes('"event":"step","step":2,') && listed(out).some(isTemporaryName),
      };
  }
}

async function prepareFetch(cache: string, out: string): Promise<Place> {
  const index = await startSlowIndex();
  return {
    env: { ...index.env, GRU_LM_CACHE: cache, GRU_LM_OFFLINE: '', GRU_LM_TENSORFLOW: '' },
    flags: [],
    isReached: () => index.downloads() > 0,
    assertClean: async () => {
      assert.deepEqual(listed(join(cache, 'runtime')), []);
      assert.ok(!existsSync(out));
      await sleep(200);
      assert.equal(index.downloads(), 0, 'pip goes on');
    },
    close: index.close,
  };
}

function prepareBuild(run: string, cache: string, out: string): Place {
  const fetched = fetchedRuntime() as string;
  const runtime = join(cache, 'runtime');
  mkdirSync(runtime, { recursive: true });
  symlinkSync(join(cacheDirectory('runtime'), fetched), join(runtime, fetched));
  const compiler = join(run, 'stuck-c++');
  const started = join(run, 'started');
  writeFileSync(
    compiler,
    `#!/bin/sh\n[ "$1" = --version ] && { echo stuck; exit; }\necho $$ >> '${started}'\nsleep 600\n`,
  );
  chmodSync(compiler, 0o755);
  return {
    env: { GRU_LM_CACHE: cache, GRU_LM_OFFLINE: '1', GRU_LM_TENSORFLOW: '', CXX: compiler },
    flags: [],
    isReached: () => existsSync(started),
    assertClean: async () => {
      assert.deepEqual(listed(runtime), [fetched]);
      assert.ok(!existsSync(out));
      for (const pid of readFileSync(started, 'utf8').trim().split('\n')) {
        assert.ok(!existsSync(`/proc/${pid}`), 'the compiler goes on');
      }
    },
    close: () => {},
  };
}

/** The name of the TensorFlow in the user's cache. */
function fetchedRuntime(): string | undefined {
  return listed(cacheDirectory('runtime')).find((name) => name.startsWith('tensorflow-cpu'));
}

/** Whether this machine can fetch, if only from itself, and build, if only in vain. */
export function canProvision(): boolean {
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
    return process.platform === 'linux' && process.arch === 'x64' && fetchedRuntime() !== undefined;
  } catch {
    return false;
  }
}

function listed(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function isHidden(name: string): boolean {
  return name.startsWith('.');
}
