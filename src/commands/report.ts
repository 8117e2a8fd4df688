import { dirname, join } from 'node:path';
import { openModel } from '../checkpoint/model.ts';
import { reportOptions } from '../config/report-options.ts';
import { readHistory } from '../journal/history-file.ts';
import { HISTORY_FILE } from '../journal/places.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { type ReportEvaluation, readEvaluations } from '../report/evaluations.ts';
import { reportPage } from '../report/page.ts';
import { type ReportedRun, reportData } from '../report/report-data.ts';
import { assertFilePlace, writeNewFile } from './new-file.ts';
import {
  byteCount,
  errorStyle,
  notice,
  printJson,
  printLine,
  showInline,
  showMessage,
} from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

const HOW_TO = 'Give another name with --out, or --overwrite to replace the file.';

/** `gru-lm report`: a page about runs, of which each is shown up to its last checkpoint. */
export async function run(
  given: GivenOptions<typeof reportOptions>,
  names: string[],
  signal: AbortSignal,
): Promise<void> {
  const { out, overwrite, json, eval: files = [] } = withDefaults(reportOptions, given);
  await assertFilePlace(out, overwrite, HOW_TO);
  const runs: ReportedRun[] = [];
  for (const name of names.length > 0 ? names : [undefined]) {
    runs.push(await untilAborted(readRun(name), signal));
    signal.throwIfAborted();
  }
  const told = reportData(runs, new Date());
  const evaluations: ReportEvaluation[] = [];
  for (const file of files) evaluations.push(...(await readEvaluations(file, told.runs, signal)));
  const data = { ...told, evaluations };
  const bytes = await writeNewFile(out, reportPage(data), overwrite, HOW_TO);
  if (json) {
    const paths = data.runs.map(({ path }) => path);
    printJson({ path: out, bytes, runs: paths });
    return;
  }
  const what = data.runs.length === 1 ? data.runs[0]?.name : `${data.runs.length} runs`;
  printLine(`${showInline(out)}: ${showInline(what as string)}, ${byteCount(bytes)}`);
}

async function readRun(name: string | undefined): Promise<ReportedRun> {
  const model = await openModel(name, ['history'], 'last');
  const { path, step } = model.checkpoint;
  const directory = dirname(path);
  const { rows, problem } = await readHistory(directory, { ...model.training, step });
  if (problem !== undefined) {
    const found = `expected the history of this run in ${join(directory, HISTORY_FILE)}, found ${problem}`;
    const shown = 'the page has the rows that could be used and the validations of the checkpoint';
    notice(errorStyle.yellow(showMessage(`${found}: ${shown}.`)));
  }
  return { model, rows };
}
