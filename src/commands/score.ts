import { createReadStream } from 'node:fs';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type ScoreOptions, scoreOptions } from '../config/commands.ts';
import type { TextChunks } from '../data/text-chunk.ts';
import { findOperands } from '../data/text-files.ts';
import { openText } from '../data/text-source.ts';
import { streamText } from '../data/text-stream.ts';
import { LossTotals } from '../evaluation/report.ts';
import { scoreLines } from '../evaluation/score-lines.ts';
import { lineStartOf, tokenLines } from '../evaluation/token-lines.ts';
import { turnEventLoop } from '../event-loop.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { givenTextOptions } from './eval-text.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { notice, outputTaken, printJsonLines, printText } from './terminal.ts';
import { itemsUntilAborted } from './until-aborted.ts';

type Given = GivenOptions<typeof scoreOptions>;

/** What is said of a line. */
interface LineFigures {
  /** Its number, from 1 on. */
  line: number;
  /** The natural logarithm of the probability of its tokens and its end. */
  logProbability: number;
  /** Scored tokens, the line end among them. */
  tokens: number;
  oovTokens: number;
}

const COLUMNS = ['line', 'logProbability', 'tokens', 'oovTokens'] as const;

/** `gru-lm score`: lines go out as they come in. */
export async function run(given: Given, [name]: string[], signal: AbortSignal): Promise<void> {
  const options = withDefaults(scoreOptions, given);
  const model = await openModel(name, ['weights']);
  const { checkpoint, modelConfig: config, tokenizer } = model;
  lineStartOf(tokenizer);
  const text = await openLines(options.text ?? '-', given, model, signal);
  try {
    const precision = effectivePrecision(options.precision, await startBackend(options, signal));
    const weights = weightsOf(selectParameters(config, checkpoint.weights, checkpoint.path));
    if (!options.json) printText(`${COLUMNS.join('\t')}\n`);
    const pause = async () => {
      await turnEventLoop();
      signal.throwIfAborted();
    };
    let lines = 0;
    for await (const group of itemsUntilAborted(tokenLines(text.chunks, tokenizer), signal)) {
      const losses = await scoreLines({ config, weights, precision }, group, pause);
      const figures = group.map(({ ids, context }, i) => {
        const totals = new LossTotals(tokenizer.unknownId);
        totals.add({ targets: ids.subarray(context), losses: losses[i] as Float32Array });
        return figuresOf(lines + i + 1, totals);
      });
      lines += group.length;
      show(figures, options);
      await outputTaken(signal);
    }
  } finally {
    await text.close();
  }
}

/** Where lines come from: a file, or what can be read only once, and then is as it comes. */
async function openLines(
  name: string,
  given: Given,
  { options: trained, tokenizer }: CheckpointModel,
  signal: AbortSignal,
): Promise<{ chunks: TextChunks; close: () => Promise<void> }> {
  const options = { ...trained, ...givenTextOptions(given), raw: tokenizer.kind === 'byte' };
  const [operand] = await findOperands([name]);
  if (operand?.kind !== 'stream') {
    const source = await openText([name], options, { signal });
    return { chunks: source.chunks(signal), close: source.close };
  }
  if (name === '-' && process.stdin.isTTY) {
    notice('reading lines from the terminal; Ctrl-D ends them');
  }
  const stream = name === '-' ? process.stdin : createReadStream(name);
  return { chunks: streamText(stream, name, options), close: async () => undefined };
}

function figuresOf(line: number, { nats, tokens, oovTokens }: LossTotals): LineFigures {
  return { line, logProbability: -Number(nats.toPrecision(9)), tokens, oovTokens };
}

function show(lines: readonly LineFigures[], { json }: ScoreOptions): void {
  if (json) printJsonLines(lines);
  else {
    printText(
      lines.map((line) => `${COLUMNS.map((column) => line[column]).join('\t')}\n`).join(''),
    );
  }
}
