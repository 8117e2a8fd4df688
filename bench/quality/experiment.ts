/** What an experiment is, and the rows of its table. */
import { decaysWeights } from '../../src/training/optimizer-tensors.ts';

/**
 * Every run of an experiment is as long as the others: `seconds` on the clock, or the time that the base
 * needs for `steps`, in which a row makes `steps` times its pace (steps a second, over the base's). What
 * comes of the latter does not hang on what the machine was doing at the time.
 */
type Limit = { seconds: number; steps?: undefined } | { steps: number; seconds?: undefined };

export type Experiment = Limit & {
  /** Names the experiment on the command line and in the document. */
  name: string;
  title: string;
  /** In `corpora`. */
  text: string;
  /** How text becomes tokens: what all rows have. */
  data: string[];
  /** Orders of the n-gram models that stand beside the settings. */
  ngrams: number[];
  /** Learning rates of PyTorch's recipe for word models, which stands beside them for as many seconds. */
  recipeRates?: number[];
  /** What every setting has. */
  base: string[];
  /** What each setting has instead or besides, by its name. */
  settings: Record<string, string[]>;
};

/** What is trained, or counted, and judged. */
export type Row = {
  /** Its name on the command line. */
  name: string;
  /** Its name in the table. */
  label: string;
  /**
   * What it is run with, but for a number that hangs on its pace (see `flagsAt`) and what is of no use to it (see
   * `usefulFlags`). A row whose flags have changed since is run anew.
   */
  flags: string[];
  /** What of the flags is shown. */
  changed: string[];
} & (
  | { kind: 'setting' }
  | { kind: 'ngram'; order: number }
  | { kind: 'recipe'; rate: number; seconds: number }
);

/** What changes numbers and nothing of the work: steps with these take the base's time. */
const SAME_WORK = ['--lr', '--lr-decay', '--weight-decay', '--output-bias', '--eval-every'];

const TIMES_PACE = /^(\d+)×pace$/;

export function rowsOf(experiment: Experiment): Row[] {
  const { data, base, settings, ngrams, recipeRates = [], seconds, steps } = experiment;
  return [
    ...Object.entries(settings).map(([name, changed]): Row => {
      const limit =
        seconds === undefined
          ? ['--max-steps', changesWork(changed) ? `${steps}×pace` : `${steps}`]
          : timeLimit(seconds);
      const flags = [...data, ...base, ...changed, ...limit];
      return { kind: 'setting', name, label: name, flags, changed };
    }),
    ...recipeRates.map((rate): Row => {
      if (seconds === undefined) throw new Error(`${experiment.name}: the recipe is run by time`);
      const label = `PyTorch’s word-language-model recipe, GRU 2×200, lr ${rate}`;
      const flags = [...data, '--lr', `${rate}`, ...timeLimit(seconds)];
      return { kind: 'recipe', name: `recipe-${rate}`, label, flags, changed: [], rate, seconds };
    }),
    ...ngrams.map((order): Row => {
      const flags = [...data, '--baseline', `ngram:${order}`];
      const label = `Kneser–Ney, ${order}-grams`;
      return { kind: 'ngram', name: `ngram-${order}`, label, flags, changed: [], order };
    }),
  ];
}

/** Whether a row's steps may take another time than the base's. */
export function isPaced({ flags }: Row): boolean {
  return flags.some((flag) => TIMES_PACE.test(flag));
}

/** The flags of a row whose steps are `pace` times as fast as the base's. */
export function flagsAt({ flags }: Row, pace: number): string[] {
  return flags.map((flag) => {
    const steps = TIMES_PACE.exec(flag)?.[1];
    return steps === undefined ? flag : `${Math.max(1, Math.round(Number(steps) * pace))}`;
  });
}

/** What a base may have that gru-lm refuses beside what a row changes, since it would change nothing. */
const ONLY_WITH = [
  { flag: '--weight-decay', beside: '--optimizer', isUsed: decaysWeights },
  { flag: '--gru-variant', beside: '--cell', isUsed: (cell: string) => cell === 'gru' },
] as readonly { flag: string; beside: string; isUsed: (value: string) => boolean }[];

/** Options, each with a value or none, without those that would change nothing beside others. */
export function usefulFlags(flags: readonly string[]): string[] {
  const last = (flag: string) => flags[flags.lastIndexOf(flag) + 1];
  const useless = ONLY_WITH.filter(
    ({ beside, isUsed }) => flags.includes(beside) && !isUsed(last(beside) ?? ''),
  ).map(({ flag }) => flag);
  return flags.filter(
    (flag, i) => !useless.includes(flag) && !useless.includes(flags[i - 1] ?? ''),
  );
}

function changesWork(changed: readonly string[]): boolean {
  return changed.some((flag) => flag.startsWith('--') && !SAME_WORK.includes(flag));
}

function timeLimit(seconds: number): string[] {
  return ['--max-time', `${seconds}s`];
}
