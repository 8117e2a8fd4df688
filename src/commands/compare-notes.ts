/** What is to be said of a comparison beside its figures. */
import type { Tokenizer } from '../data/tokenizer.ts';
import type { SegmentTotals } from '../evaluation/segment-totals.ts';
import type { Segments } from '../evaluation/segments.ts';
import { count } from './terminal.ts';

interface Model {
  totals: Pick<SegmentTotals, 'oovTokens'>;
  /** Whether it predicts which white space there is: see {@link predictsSpaces}. */
  predictsSpaces: boolean;
}

/**
 * Of fewer a bootstrap's interval is too narrow: of normal differences whose mean is 0, 0 is outside of one of 95 %
 * in 7 % of samples of 20, 9 % of 12, 15 % of 5 and 50 % of 2.
 */
const FEWEST_SEGMENTS = 20;

/** Notes, each in lines of at most 62 columns. */
export function comparisonNotes(
  models: readonly Model[],
  { ends, otherSpaces }: Pick<Segments, 'ends' | 'otherSpaces'>,
): string[][] {
  const [first] = models as [Model];
  const notes: string[][] = [];
  if (ends.length < FEWEST_SEGMENTS) {
    notes.push([
      `of fewer than ${FEWEST_SEGMENTS} segments intervals are too narrow: a longer`,
      'text is needed',
    ]);
  }
  if (models.some(({ totals }) => totals.oovTokens !== first.totals.oovTokens)) {
    notes.push([
      'an unknown word costs little: figures of models with more',
      '<unk> look better than they are',
    ]);
  }
  if (otherSpaces > 0 && models.some((model) => model.predictsSpaces !== first.predictsSpaces)) {
    notes.push([
      'models of words do not predict white space, and look better',
      'than they are: characters of the text that are white space,',
      `but no line ends and no single spaces: ${count(otherSpaces)}`,
    ]);
  }
  return notes;
}

/** Whether white space between words becomes tokens, or makes others of them: of most words it does not. */
export function predictsSpaces(tokenizer: Tokenizer): boolean {
  const [one, two] = ['a b', 'a  b'].map((text) => tokenizer.encode(text).join());
  return one !== two;
}
