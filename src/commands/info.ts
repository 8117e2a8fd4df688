import { openModel } from '../checkpoint/model.ts';
import type { infoOptions } from '../config/commands.ts';
import type { DataRecord } from '../data/record.ts';
import { elementCount, parameterSpecs } from '../model/parameters.ts';
import type { GivenOptions } from '../option-table.ts';
import type { HistoryEntry, RunClock, RunProgress } from '../training/run-snapshot.ts';
import { byteCount, clock, count, figure, outStyle, printJson, printLine } from './terminal.ts';

/** `gru-lm info`: needs no backend. */
export async function run(
  { json = false }: GivenOptions<typeof infoOptions>,
  [name]: string[],
): Promise<void> {
  const { checkpoint, options, tokenizer, modelConfig } = await openModel(name, ['history']);
  const { path, step, created } = checkpoint;
  const { run, data } = checkpoint.training as unknown as { run: RunProgress; data: DataRecord };
  const times = checkpoint.clock as unknown as RunClock;
  const history = (checkpoint.history as unknown as HistoryEntry[]).map((entry, i) => ({
    ...entry,
    elapsedSeconds: times.history[i] as number,
  }));
  const specs = parameterSpecs(modelConfig);
  const parameters = specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (json) {
    const { kind, vocabularySize } = tokenizer;
    printJson({
      path,
      step,
      created,
      model: modelConfig,
      parameters,
      tensors: specs,
      tokenizer: { kind, vocabularySize },
      options,
      data,
      run,
      elapsedSeconds: times.elapsedSeconds,
      history,
    });
    return;
  }
  printLine(`${outStyle.bold(path)}  step ${step}, saved ${created}\n`);
  for (const { name, shape } of specs) {
    printLine(
      `${name.padEnd(22)}${shape.join(' × ').padStart(14)}${count(elementCount(shape)).padStart(14)}`,
    );
  }
  printLine(`${'parameters'.padEnd(36)}${outStyle.bold(count(parameters).padStart(14))}\n`);
  printLine(
    `tokens     ${tokenizer.kind}, vocabulary ${count(tokenizer.vocabularySize)}; ${options.gruVariant}, dropout ${options.dropout}`,
  );
  for (const { name, bytes, sha256, files } of [...data.corpus, ...data.valid, ...data.test]) {
    const size =
      files === undefined ? byteCount(bytes) : `${count(files)} files, ${byteCount(bytes)}`;
    printLine(`data       ${name} (${size}, SHA-256 ${sha256.slice(0, 12)}…)`);
  }
  printLine(
    `training   ${clock(times.elapsedSeconds)}${run.finished ? ', finished' : ', not finished'}; ` +
      `${options.optimizer}, learning rate ${options.learningRate}, ${options.learningRateDecay}`,
  );
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
        entry.step === run.best?.step ? '  best' : '',
      ].join(''),
    );
  }
}
