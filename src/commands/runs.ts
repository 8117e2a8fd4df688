import stringWidth from 'string-width';
import { problemText } from '../checkpoint/list.ts';
import { RUNS_DIRECTORY } from '../checkpoint/run-directory.ts';
import { type ListedRun, listRuns, type RunFigures } from '../checkpoint/runs.ts';
import type { runsOptions } from '../config/commands.ts';
import type { GivenOptions } from '../option-table.ts';
import { fitTo } from './columns.ts';
import {
  byteCount,
  notice,
  outStyle,
  printJson,
  printLine,
  shortCount,
  showInline,
} from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/** `gru-lm runs`: needs no backend. */
export async function run(
  { json = false }: GivenOptions<typeof runsOptions>,
  [directory = RUNS_DIRECTORY]: string[],
  signal: AbortSignal,
): Promise<void> {
  const runs = await untilAborted(listRuns(directory), signal);
  if (json) for (const each of runs) printJson(asJson(each));
  else if (runs.length === 0) {
    notice(`no runs in ${showInline(directory)}; gru-lm train <corpus> makes one`);
  } else {
    printLine(outStyle.dim(HEADING));
    for (const each of runs) for (const line of linesOf(each)) printLine(line);
  }
}

function asJson({ figures, problem, ...rest }: ListedRun): object {
  return { ...rest, ...figures, ...(problem && { problem: problem.message }) };
}

const COLUMNS = 79;
/** With the space after it. */
const NAME_WIDTH = 18;
const HEADING = row('run', 'params', 'size', 'valid', 'steps', 'tokens', 'saved');

/** A run's row; a name that is too long for it has a line of its own. */
function linesOf({ name, path, training, figures, problem }: ListedRun): string[] {
  const shown = fitted(name, COLUMNS);
  const isLong = stringWidth(shown) >= NAME_WIDTH;
  const first = isLong ? [outStyle.bold(shown)] : [];
  const cell = isLong ? '' : shown;
  const date = training ? outStyle.green('in training') : figures ? dateOf(figures.created) : '';
  if (problem) {
    const what = problemText({ name, path, problem });
    const text = `damaged: ${fitted(what, COLUMNS - NAME_WIDTH - 'damaged: '.length)}`;
    return [...first, `${fitTo(cell, NAME_WIDTH)}${outStyle.red(text)}`];
  }
  return [
    ...first,
    figures ? figuresRow(cell, figures, date) : row(cell, '', '', '', '', '', date),
  ];
}

function figuresRow(name: string, figures: RunFigures, date: string): string {
  const { parameters, bytes, bestNatsPerToken, step, tokenizer, vocabularySize } = figures;
  return row(
    ...([name, shortCount(parameters), byteCount(bytes)] as const),
    bestNatsPerToken === null ? '–' : bestNatsPerToken.toFixed(4),
    ...([shortCount(step), `${tokenizer} ${shortCount(vocabularySize)}`, date] as const),
  );
}

function row(
  name: string,
  parameters: string,
  bytes: string,
  loss: string,
  steps: string,
  tokens: string,
  date: string,
): string {
  return [
    fitTo(name, NAME_WIDTH),
    parameters.padStart(6),
    bytes.padStart(10),
    loss.padStart(8),
    steps.padStart(7),
    `  ${tokens.padEnd(10)}`,
    date && `  ${date}`,
  ]
    .join('')
    .trimEnd();
}

/** `2026-01-31 09:30`, by the clock on the wall. */
function dateOf(iso: string): string {
  const date = new Date(iso);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** As {@link showInline}, cut in the middle to so many columns. */
function fitted(text: string, columns: number): string {
  let shown = showInline(text, columns);
  for (let longest = columns - 1; stringWidth(shown) > columns; longest -= 1) {
    shown = showInline(text, longest);
  }
  return shown;
}
