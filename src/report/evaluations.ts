/** What `gru-lm eval --json` printed, for the tables of a report. */
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { isJsonObject, type JsonObject } from '../checkpoint/json.ts';
import { errorMessage, UserError } from '../errors.ts';

/** A row of a table. */
export interface ReportEvaluation {
  /** The model, and what was added to it. */
  readonly name: string;
  /** What was scored, and how. Rows of the same are a table. */
  readonly text: string;
  readonly textId: string;
  readonly convention: string;
  readonly tokenizerId: string;
  readonly figures: Readonly<Record<Figure, number | null>>;
}

const FIGURES = [
  ...(['perplexity', 'perplexityWithoutOov', 'perplexityPerWord', 'natsPerToken'] as const),
  ...(['bitsPerCharacter', 'bitsPerByte', 'tokens'] as const),
] as const;
type Figure = (typeof FIGURES)[number];

/** The runs of the report, by which those of evaluations are called. */
export interface NamedRun {
  readonly name: string;
  readonly path: string;
}

/** A longer line is none of `eval --json`. */
const LONGEST_LINE = 1 << 20;
/** Of one file; a report of more would tell nothing. */
const MOST_ROWS = 1000;

/**
 * The evaluations in a file: the objects of one or more `eval --json`, a line each. The tokens of `--per-token` are
 * passed over.
 *
 * @throws UserError `report-evaluation` for a file that cannot be read, or has none
 */
export async function readEvaluations(
  path: string,
  runs: readonly NamedRun[],
  signal: AbortSignal,
): Promise<ReportEvaluation[]> {
  const rows: ReportEvaluation[] = [];
  const file = createReadStream(path, { signal });
  try {
    for await (const line of createInterface({
      input: file,
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      const evaluation = evaluationOf(line);
      if (evaluation) rows.push(...rowsOf(evaluation, runs));
      if (rows.length > MOST_ROWS) throw unfit(path, `more than ${MOST_ROWS} figures`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof UserError ? error : unfit(path, errorMessage(error), error);
  } finally {
    file.destroy();
  }
  if (rows.length === 0) throw unfit(path, 'none in it');
  return rows;
}

function unfit(path: string, found: string, cause?: unknown): UserError {
  return new UserError(
    'report-evaluation',
    `expected what gru-lm eval --json prints in ${path}, found ${found}`,
    'Make it by gru-lm eval --json > FILE; several may stand in one file, a line each.',
    { cause },
  );
}

function evaluationOf(line: string): JsonObject | undefined {
  if (line.length > LONGEST_LINE || !line.includes('"convention"')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    const isEvaluation =
      isJsonObject(value) &&
      (['split', 'textId', 'convention', 'tokenizerId'] as const).every(
        (name) => typeof value[name] === 'string',
      ) &&
      isFigures(value);
    return isEvaluation ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Of a text of nothing but <unk> all but `tokens` may be null. */
function isFigures(value: unknown): value is JsonObject {
  if (!isJsonObject(value) || typeof value.tokens !== 'number') return false;
  return FIGURES.every((name) => value[name] === null || typeof value[name] === 'number');
}

function rowsOf(evaluation: JsonObject, runs: readonly NamedRun[]): ReportEvaluation[] {
  const { split, textId, convention, tokenizerId, texts, ...others } = evaluation;
  const model = modelName(evaluation, runs);
  const row = (name: string, figures: JsonObject, text = split, id = textId): ReportEvaluation => ({
    ...{ name, text: String(text), textId: String(id) },
    ...{ convention: String(convention), tokenizerId: String(tokenizerId) },
    figures: Object.fromEntries(
      FIGURES.map((figure) => [figure, figures[figure] as number | null]),
    ) as ReportEvaluation['figures'],
  });
  const beside = Object.entries(others).flatMap(([key, value]) =>
    isFigures(value) ? [row(besideName(model, key, value), value)] : [],
  );
  const each = Array.isArray(texts) ? texts.filter(isFigures) : [];
  return [
    row(model, evaluation),
    ...beside,
    ...each.map((figures) => row(model, figures, figures.text, figures.textId)),
  ];
}

/** As the report calls the run, or by its directories. */
function modelName({ checkpoint, step }: JsonObject, runs: readonly NamedRun[]): string {
  if (typeof checkpoint !== 'string') return 'a model';
  const directory = resolve(dirname(checkpoint));
  const run = runs.find(({ path }) => resolve(path) === directory);
  if (run && typeof step === 'number') return `${run.name}, step ${step.toLocaleString('en-US')}`;
  return checkpoint.split(/[\\/]/).slice(-2).join('/');
}

/** As `gru-lm eval` calls these rows of its table. */
function besideName(model: string, key: string, { order }: JsonObject): string {
  if (key === 'baseline') return typeof order === 'number' ? `${order}-grams` : 'n-grams';
  return `${model} + ${key === 'interpolated' ? 'n-gram' : key}`;
}
