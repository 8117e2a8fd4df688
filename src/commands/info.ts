import { dirname } from 'node:path';
import { type ListedCheckpoint, listCheckpoints, problemText, verify } from '../checkpoint/list.ts';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import type { infoOptions } from '../config/commands.ts';
import type { TrainOptions } from '../config/train-options.ts';
import { UserError } from '../errors.ts';
import { elementCount, parameterCount, weightSpecs } from '../model/parameters.ts';
import type { GivenOptions } from '../option-table.ts';
import type { HistoryEntry } from '../training/run-snapshot.ts';
import {
  byteCount,
  clock,
  count,
  figure,
  outStyle,
  printJson,
  printLine,
  showInline,
} from './terminal.ts';
import { untilAborted } from './until-aborted.ts';

/** `gru-lm info`: needs no backend. */
export async function run(
  { json = false, verify: isVerifying = false }: GivenOptions<typeof infoOptions>,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  if (isVerifying) {
    await untilAborted(showVerified(name, json, signal), signal);
    return;
  }
  const model = await openModel(name, ['history']);
  const checkpoints = await listCheckpoints(dirname(model.checkpoint.path));
  if (json) printJson(asJson(model, checkpoints));
  else show(model, checkpoints);
}

/** A validation, and how long the run had taken until then. */
type TimedEntry = HistoryEntry & { readonly elapsedSeconds: number };

function timedHistory({ training }: CheckpointModel): TimedEntry[] {
  const { history, clock: times } = training;
  return history.map((entry, i) => ({ ...entry, elapsedSeconds: times.history[i] as number }));
}

function asJson(model: CheckpointModel, checkpoints: readonly ListedCheckpoint[]): object {
  const { checkpoint, options, tokenizer, modelConfig, training } = model;
  const { path, step, created } = checkpoint;
  const { kind, vocabularySize } = tokenizer;
  const { data, run } = training;
  return {
    path,
    step,
    created,
    model: modelConfig,
    parameters: parameterCount(modelConfig),
    tensors: weightSpecs(modelConfig),
    tokenizer: { kind, vocabularySize },
    options,
    data,
    run,
    elapsedSeconds: training.clock.elapsedSeconds,
    history: timedHistory(model),
    checkpoints,
  };
}

function show(model: CheckpointModel, checkpoints: readonly ListedCheckpoint[]): void {
  const { path, step, created } = model.checkpoint;
  printLine(`${outStyle.bold(showInline(path))}  step ${step}, saved ${created}\n`);
  showTensors(model);
  showTraining(model);
  showHistory(model);
  showCheckpoints(checkpoints);
}

function showTensors({ modelConfig }: CheckpointModel): void {
  for (const { name, shape } of weightSpecs(modelConfig)) {
    printLine(
      `${name.padEnd(26)}${shape.join(' × ').padStart(14)}${count(elementCount(shape)).padStart(14)}`,
    );
  }
  const parameters = count(parameterCount(modelConfig));
  printLine(`${'parameters'.padEnd(40)}${outStyle.bold(parameters.padStart(14))}\n`);
}

/** What the layers are made of: `reset-after`, `rnn, relu`. */
function layersName({ cell, gruVariant, activation }: TrainOptions): string {
  const name = cell === 'gru' ? gruVariant : cell;
  return activation === 'tanh' ? name : `${name}, ${activation}`;
}

/** What is put around the layers: `, residual, layer normalisation, attention to 64`. */
function aroundLayers({ residual, norm, attention, attentionSpan }: TrainOptions): string {
  const normalisation = norm === 'none' ? '' : `, ${norm} normalisation`;
  const attends = attention ? `, attention to ${attentionSpan}` : '';
  return `${residual ? ', residual' : ''}${normalisation}${attends}`;
}

function showTraining({ options, tokenizer, training, modelConfig }: CheckpointModel): void {
  const { data, run, clock: times } = training;
  printLine(
    `tokens     ${tokenizer.kind}, vocabulary ${count(tokenizer.vocabularySize)}; ${layersName(options)}${options.tied ? ', tied' : ''}${aroundLayers(options)}${softmaxText(modelConfig)}, dropout ${options.dropout}`,
  );
  for (const [title, sources] of [
    ['data', data.corpus],
    ['validation', data.valid],
    ['test', data.test],
  ] as const) {
    for (const { name, bytes, sha256, files } of sources) {
      const size =
        files === undefined ? byteCount(bytes) : `${count(files)} files, ${byteCount(bytes)}`;
      const hash = `SHA-256 ${sha256.slice(0, 12)}…`;
      printLine(`${title.padEnd(11)}${showInline(name)} (${size}, ${hash})`);
    }
  }
  const { optimizer, learningRate, learningRateDecay } = options;
  printLine(
    data.corpus.length === 0
      ? 'training   none here: the model was imported'
      : `training   ${clock(times.elapsedSeconds)}${run.finished ? ', finished' : ', not finished'}; ` +
          `${optimizer}, learning rate ${learningRate}, ${learningRateDecay}`,
  );
  const { initFrom } = options;
  if (initFrom !== undefined) printLine(`begun with ${showInline(initFrom)}`);
}

function softmaxText({ softmaxCutoffs }: CheckpointModel['modelConfig']): string {
  if (!softmaxCutoffs) return '';
  const cuts = softmaxCutoffs.map(count).join(' and ');
  return `, adaptive softmax${cuts && ` cut at ${cuts}`}`;
}

function showHistory(model: CheckpointModel): void {
  const history = timedHistory(model);
  if (history.length === 0) return;
  printLine(
    `\n${'step'.padStart(8)}${'epoch'.padStart(8)}${'time'.padStart(9)}${'train'.padStart(9)}${'valid'.padStart(9)}${'perplexity'.padStart(12)}`,
  );
  for (const entry of history) {
    printLine(
      [
        String(entry.step).padStart(8),
        String(entry.epoch + 1).padStart(8),
        clock(entry.elapsedSeconds).padStart(9),
        entry.trainLoss.toFixed(4).padStart(9),
        entry.validLoss.toFixed(4).padStart(9),
        figure(Math.exp(entry.validLoss)).padStart(12),
        entry.step === model.training.run.best?.step ? '  best' : '',
      ].join(''),
    );
  }
}

function showCheckpoints(checkpoints: readonly ListedCheckpoint[]): void {
  if (checkpoints.length > 0) printLine(`\n${outStyle.bold('checkpoints')}`);
  for (const { name, created, best, last } of checkpoints) {
    const what = [best ? 'best' : [], last ? 'last' : []].flat().join(', ');
    printLine(`${name.padEnd(18)}saved ${created}  ${what}`.trimEnd());
  }
}

/** A line for each checkpoint that `name` means, and for `run.json`: whole, or what is wrong. */
async function showVerified(
  name: string | undefined,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  const damagedPaths: string[] = [];
  let all = 0;
  for await (const finding of verify(name)) {
    signal.throwIfAborted();
    const { path, problem } = finding;
    all += 1;
    if (problem) damagedPaths.push(path);
    if (json) {
      printJson({ path, whole: !problem, ...(problem && { problem: problem.message }) });
    } else {
      const text = showInline(problemText(finding), LONGEST_PROBLEM);
      printLine(`${finding.name.padEnd(18)}${problem ? outStyle.red(text) : 'whole'}`);
    }
  }
  if (damagedPaths.length === 0) return;
  throw new UserError(
    'checkpoint-damaged',
    `expected all ${all} to be whole, found ${damagedPaths.length} damaged: ${damagedPaths.map((path) => showInline(path)).join(', ')}`,
    'Use a checkpoint that is whole, or copy the damaged one again from where it is; ' +
      'gru-lm train <corpus> --resume goes on from the last one that is whole.',
  );
}

const LONGEST_PROBLEM = 1000;
