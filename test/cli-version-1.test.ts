/** A checkpoint that the first version of the format wrote: see src/checkpoint/fixtures/version-1. */
import { createHash } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { jsonLines, lastCheckpoint, runCli, temporaryDirectory } from './cli-process.ts';

const fixture = fileURLToPath(new URL('../src/checkpoint/fixtures/version-1', import.meta.url));
const cwd = temporaryDirectory();
cpSync(fixture, cwd, { recursive: true });

/** SHA-256 of what the program that wrote the fixture ended with, when it was not interrupted. */
const AT_THE_END = {
  'weights.safetensors': '8a54927b5815b71bf2112b7fceee2ab422b191e8668a907dcd13ce9d30361174',
  'optimizer.safetensors': 'd5c84816095e80e1a48882b2a9fce3b89968be1ec97b97cf6ed7ee4ef0f88ac4',
  'state.safetensors': '0b6e7b9e19af13dd43fd85b3757c857786974af6c03e86fda8d9a33ca66c81fc',
};

test('a run of version 1 is shown, is whole, and goes on to the same bytes', async () => {
  const info = JSON.parse((await runCli(['info', 'run/last', '--json'], { cwd })).stdout);
  expect(info).toMatchObject({
    step: 25,
    elapsedSeconds: 0.33729996600000006,
    history: [{ step: 20, elapsedSeconds: 0.278296691, validLoss: 3.325793153457059 }],
    checkpoints: [
      { name: 'step-00000020', best: true, last: false },
      { name: 'step-00000025', best: false, last: true },
    ],
  });
  expect((await runCli(['info', '--verify', 'run'], { cwd })).exitCode).toBe(0);

  const flags = ['--resume', '--out', 'run', '--backend', 'wasm', '--json'];
  const { exitCode, stdout } = await runCli(['train', 'corpus.txt', ...flags], { cwd });
  expect(exitCode).toBe(0);
  expect(jsonLines(stdout)[0]).toMatchObject({ event: 'start', resumedAtStep: 25 });
  const last = lastCheckpoint(join(cwd, 'run'));
  const hashes = Object.keys(AT_THE_END).map((name) => {
    const bytes = readFileSync(join(last, name));
    return [name, createHash('sha256').update(bytes).digest('hex')];
  });
  expect(Object.fromEntries(hashes)).toEqual(AT_THE_END);
  const manifest = JSON.parse(readFileSync(join(last, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({ version: 2, step: 60 });
});
