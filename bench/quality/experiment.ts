/** What an experiment is, and the rows of its table. */

/** Every run of an experiment is as long as the others, by time or by steps. */
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
  /** What it is run with; a row whose flags have changed since is run anew. */
  flags: string[];
  /** What of the flags is shown. */
  changed: string[];
} & (
  | { kind: 'setting' }
  | { kind: 'ngram'; order: number }
  | { kind: 'recipe'; rate: number; seconds: number }
);

export function rowsOf(experiment: Experiment): Row[] {
  const { data, base, settings, ngrams, recipeRates = [], seconds, steps } = experiment;
  const limit = seconds === undefined ? ['--max-steps', `${steps}`] : timeLimit(seconds);
  return [
    ...Object.entries(settings).map(
      ([name, changed]): Row => ({
        ...{ kind: 'setting', name, label: name, changed },
        flags: [...data, ...base, ...changed, ...limit],
      }),
    ),
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

function timeLimit(seconds: number): string[] {
  return ['--max-time', `${seconds}s`];
}
