/**
 * Turns a text into tokens as `gru-lm train` does; prints what it took as one JSON object.
 *
 * Usage: encode.ts KIND TEXT CACHE [TOKENIZER], which is a file to write the tokenizer to.
 */
import { writeFile } from 'node:fs/promises';
import { openDataset } from '../../src/data/dataset.ts';
import type { TokenizerKind } from '../../src/data/tokenizer.ts';

/** What one child process found. */
export interface Encoding {
  /** From the beginning to the tokens, every pass over the text included. */
  seconds: number;
  /** Of that, the pass that encodes. */
  encodingSeconds: number;
  tokens: number;
  vocabularySize: number;
  /** Of memory, at the most. */
  peakBytes: number;
}

const [kind, text, cacheDirectory, file] = process.argv.slice(2) as [
  TokenizerKind,
  string,
  string,
  string?,
];
const startedMs = performance.now();
let encodingMs = Number.NaN;
const dataset = await openDataset({ corpus: [text], tokenizer: kind }, '.', {
  cacheDirectory,
  onProgress: ({ phase }) => {
    if (phase === 'encoding' && Number.isNaN(encodingMs)) encodingMs = performance.now();
  },
});
const endedMs = performance.now();
let tokens = 0;
for (const part of dataset.parts.values()) tokens += part.tokens;
if (file) await writeFile(file, JSON.stringify(dataset.tokenizer.toJSON()));
const found: Encoding = {
  seconds: (endedMs - startedMs) / 1000,
  encodingSeconds: (endedMs - encodingMs) / 1000,
  tokens,
  vocabularySize: dataset.tokenizer.vocabularySize,
  peakBytes: process.resourceUsage().maxRSS * 1024,
};
await dataset.close();
process.stdout.write(`${JSON.stringify(found)}\n`);
