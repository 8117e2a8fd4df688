/** A model of PyTorch's word_language_model example, imported and measured as the example measures it there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeSafetensors } from '../src/checkpoint/safetensors-writer.ts';
import { runCli, temporaryDirectory } from './cli-process.ts';

interface Fixture {
  text: { file: string; firstLine: number; lines: number };
  /** By the ids that the example gave them. */
  words: string[];
  evalBatchSize: number;
  tokens: number;
  scoredTokens: number;
  loss: number;
  perplexity: number;
  weights: Record<string, { shape: number[]; data: string }>;
}

const fixture = JSON.parse(
  readFileSync(new URL('../src/evaluation/fixtures/word-model.json', import.meta.url), 'utf8'),
) as Fixture;
const cwd = temporaryDirectory();

test('eval --streams 10 gives the example’s own figure for a model that was trained there', async () => {
  const { text, words } = fixture;
  const tensors = Object.entries(fixture.weights).map(([name, { shape, data }]) => {
    const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
    return [name, { shape, data: new Float32Array(bytes.buffer) }] as const;
  });
  writeFileSync(join(cwd, 'weights.safetensors'), encodeSafetensors(new Map(tensors)));
  writeFileSync(join(cwd, 'words.json'), JSON.stringify(words));
  const given = ['weights.safetensors', '--vocab', 'words.json', '--out', 'run'];
  expect(await runCli(['import', ...given], { cwd })).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('2 × gru of 16, 100 tokens (word)'),
  });
  const corpus = readFileSync(new URL(`../${text.file}`, import.meta.url), 'utf8').split('\n');
  const lines = corpus.slice(text.firstLine, text.firstLine + text.lines);
  writeFileSync(join(cwd, 'valid.txt'), lines.map((line) => `${line}\n`).join(''));

  const args = ['eval', 'run', '--text', 'valid.txt', '--backend', 'wasm', '--json'];
  const { stdout, stderr } = await runCli([...args, '--streams', `${fixture.evalBatchSize}`], {
    cwd,
  });
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as Record<string, number>;
  expect(report).toMatchObject({ streams: 10, tokens: fixture.scoredTokens });
  // Within 0.1 % is what is promised; in float32 on both sides it is far closer.
  expect(Math.abs(report.perplexity! / fixture.perplexity - 1)).toBeLessThan(1e-4);
  expect(report.perplexity).toBeCloseTo(Math.exp(report.natsPerToken!), 9);

  // One stream scores other tokens, and more of them.
  const one = JSON.parse((await runCli(args, { cwd })).stdout) as Record<string, number>;
  expect(one.tokens).toBe(fixture.tokens - 1);
  expect(Math.abs(one.perplexity! / fixture.perplexity - 1)).toBeGreaterThan(1e-4);
});
