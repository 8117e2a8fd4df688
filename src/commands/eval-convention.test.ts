import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { type EvalOptions, evalOptions } from '../config/commands.ts';
import { cutChunks } from '../data/testing/cut-chunks.ts';
import { TokenArray } from '../data/token-sequence.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import type { ScoringModel } from '../evaluation/score-window.ts';
import { unigramModel } from '../evaluation/testing/unigram-model.ts';
import { weightsOf } from '../model/weights.ts';
import { withDefaults } from '../option-table.ts';
import { conventionFor } from './eval-convention.ts';
import type { ScoredText } from './eval-text.ts';

const TEXT = 'to be or not\n\nto be\nthat is\n';
const tokenizer = trainTokenizer(TEXT, { kind: 'word' });
const ids = tokenizer.encode(TEXT);
const text: ScoredText = {
  label: 'a text',
  id: 'none',
  part: {
    ...{ sequence: new TokenArray(ids), tokens: ids.length, unknown: 0, documents: 1 },
    ...{ characters: TEXT.length, bytes: TEXT.length },
  },
  chunks: () => cutChunks([TEXT], 5),
};
const { signal } = new AbortController();
let model: ScoringModel;

beforeAll(async () => {
  await useBackend('cpu');
  const { config, parameters } = unigramModel(Array(tokenizer.vocabularySize).fill(1) as number[]);
  model = { config, weights: weightsOf(parameters) };
});

describe.each([
  ['one stream', {}, 1, 11],
  ['streams', { streams: 3 }, 3, 9],
  ['lines', { resetPerLine: true }, 4, 12],
] as const)('the convention of %s', (_, given, streams, scored) => {
  const options: EvalOptions = withDefaults(evalOptions, given);

  it('lets models that go through tokens one by one score the same as ours', async () => {
    const convention = await conventionFor(text, tokenizer, options, signal);
    expect(convention.streams).toBe(streams);
    const ours: number[] = [];
    await convention.score(model, { onLosses: ({ targets }) => ours.push(...targets), signal });
    const theirs: number[] = [];
    for await (const sequence of convention.sequences()) {
      const read = new Int32Array(sequence.length);
      sequence.read(0, read);
      theirs.push(...read.subarray(1));
    }
    expect(ours).toHaveLength(scored);
    expect(theirs).toEqual(ours);
  });

  it('fits the report, a clause a line', async () => {
    const { description } = await conventionFor(text, tokenizer, options, signal);
    expect(description).toMatch(/^exp\(total nats \/ scored tokens\); every token /);
    for (const clause of description.split('; ')) expect(clause.length).toBeLessThanOrEqual(62);
  });
});
