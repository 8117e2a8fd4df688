/** What the options of the softmax mean together, and for a vocabulary. */
import type { TokenizerKind } from '../data/tokenizer-types.ts';
import { UserError } from '../errors.ts';
import { cutoffsWithin, defaultCutoffs } from '../model/adaptive-softmax.ts';

interface SoftmaxOptions {
  softmax: 'full' | 'adaptive';
  softmaxCutoffs?: readonly number[];
  tokenizerFile?: string;
}

interface NewModelOptions extends SoftmaxOptions {
  tied: boolean;
  tokenizer: TokenizerKind;
}

/**
 * Makes sure that what is given of a new model's softmax goes together.
 *
 * @throws UserError `usage` naming the options
 */
export function assertSoftmaxOptions(options: NewModelOptions): void {
  const { softmax, softmaxCutoffs, tied, tokenizer, tokenizerFile } = options;
  if (softmaxCutoffs && softmax !== 'adaptive') {
    throw new UserError(
      'usage',
      'expected --softmax-cutoffs with --softmax adaptive alone, found it without',
      'Add --softmax adaptive, or leave out --softmax-cutoffs.',
    );
  }
  if (tied && softmax === 'adaptive') {
    throw new UserError(
      'usage',
      'expected at most one of --tied and --softmax adaptive, found both',
      'The weights of clusters are smaller than embeddings: leave out one of the two.',
    );
  }
  if (tokenizerFile === undefined) assertOrder(options, tokenizer);
}

/**
 * Makes sure that the softmax suits the tokens.
 *
 * @throws UserError `usage` for tokens in another order than that of their frequency, or cutoffs that
 * the vocabulary does not have
 */
export function assertSoftmaxFits(
  options: SoftmaxOptions,
  { kind, vocabularySize }: { kind: TokenizerKind; vocabularySize: number },
): void {
  assertOrder(options, kind);
  const last = options.softmaxCutoffs?.at(-1) ?? 0;
  if (last < vocabularySize) return;
  throw new UserError(
    'usage',
    `--softmax-cutoffs: expected numbers below the vocabulary’s size, ${vocabularySize}, found ${last}`,
    'Give smaller numbers, or leave --softmax-cutoffs out.',
  );
}

function assertOrder({ softmax, tokenizerFile }: SoftmaxOptions, kind: TokenizerKind): void {
  if (softmax !== 'adaptive' || kind === 'word') return;
  throw new UserError(
    'usage',
    '--softmax adaptive: expected tokens in the order of their frequency, as those of ' +
      `--tokenizer word are, found ${tokenizerFile ?? `--tokenizer ${kind}`}`,
    'Give --tokenizer word, or leave out --softmax.',
  );
}

/** Where the softmax of the options cuts a vocabulary; undefined: it is a full one. */
export function cutoffsOf(options: SoftmaxOptions, vocabularySize: number): number[] | undefined {
  const { softmax, softmaxCutoffs = defaultCutoffs(vocabularySize) } = options;
  return softmax === 'adaptive' ? cutoffsWithin(softmaxCutoffs, vocabularySize) : undefined;
}
