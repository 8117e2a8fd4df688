/** The product's own way to make text, token by token; a step is a block of tokens. */
import { trainTokenizer } from '../../src/data/tokenizer.ts';
import type { Tokenizer } from '../../src/data/tokenizer-types.ts';
import { generate } from '../../src/generation/generate.ts';
import { initialParameters, weightsOf } from '../../src/model/weights.ts';
import { Random } from '../../src/random.ts';
import { modelOf, startBackend } from './gru-lm.ts';
import { answer, timeSteps, work } from './measure.ts';

/** A tokenizer with as many tokens as the model has scores. */
function tokenizerOf(vocabularySize: number): Tokenizer {
  // Words besides those for unknown words and line ends, or characters besides the unknown one.
  const text =
    vocabularySize > 1000
      ? Array.from({ length: vocabularySize - 2 }, (_, i) => `w${i}`).join(' ')
      : String.fromCodePoint(...Array.from({ length: vocabularySize - 1 }, (_, i) => 0x4e00 + i));
  return trainTokenizer(text, { kind: vocabularySize > 1000 ? 'word' : 'char' });
}

const versions = await startBackend(work);
const model = modelOf(work);
const pieces = generate(
  model,
  weightsOf(initialParameters(model, new Random(1))),
  tokenizerOf(work.vocabulary),
  [],
  { length: Number.POSITIVE_INFINITY, temperature: 0.8, topK: 0, topP: 1, greedy: false },
  new Random(2),
);
answer(
  timeSteps(() => {
    for (let i = 0; i < work.tokensPerStep; i++) pieces.next();
  }),
  versions,
);
pieces.return();
