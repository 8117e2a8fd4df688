import { dispose } from '@tensorflow/tfjs-core';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type CompareOptions, compareOptions } from '../config/commands.ts';
import { UserError } from '../errors.ts';
import { type Interval, pairedBootstrap } from '../evaluation/bootstrap.ts';
import { scoreTokens } from '../evaluation/evaluate.ts';
import { SegmentTotals } from '../evaluation/segment-totals.ts';
import { findSegments, type Segments, tokenEnds } from '../evaluation/segments.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import type { Precision } from '../ops/tensorflow-binding.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { predictsSpaces } from './compare-notes.ts';
import { openComparedText } from './compare-text.ts';
import { type ComparedModel, printComparison, showComparison } from './compare-view.ts';
import type { ScoredText } from './eval-text.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { effectivePrecision, startBackend } from './start-backend.ts';
import { showInline } from './terminal.ts';

type Given = GivenOptions<typeof compareOptions>;

/** `gru-lm compare`: the first model is the one that the others are held against. */
export async function run(given: Given, names: string[], signal: AbortSignal): Promise<void> {
  const options = withDefaults(compareOptions, given);
  assertSeveral(names);
  const models: CheckpointModel[] = [];
  for (const name of names) models.push(await openModel(name, ['weights']));
  const { texts, close } = await openComparedText(models, names, options, given, signal);
  try {
    const text = texts[0] as ScoredText;
    const segments = await segmentsOf(text);
    const precision = effectivePrecision(options.precision, await startBackend(options, signal));
    const compared: ComparedModel[] = [];
    let first: SegmentTotals | undefined;
    for (const [i, model] of models.entries()) {
      const name = names[i] as string;
      const job = { name, model, text: texts[i] as ScoredText, segments, precision };
      const totals = await score(job, options, signal);
      const difference = first && (await differenceOf(totals, first, segments, options, signal));
      first ??= totals;
      compared.push({
        ...{ name, path: model.checkpoint.path, totals, difference },
        predictsSpaces: predictsSpaces(model.tokenizer),
      });
    }
    const show = options.json ? printComparison : showComparison;
    const split = options.text ? text.label : options.split;
    show({ models: compared, split, bytes: text.part.bytes, segments, options });
  } finally {
    await close();
  }
}

function assertSeveral(names: readonly string[]): void {
  if (names.length > 1) return;
  throw new UserError(
    'usage',
    `expected at least 2 checkpoints to compare, found ${names.length}`,
    'Name several; gru-lm eval measures one.',
  );
}

async function segmentsOf({ label, chunks }: ScoredText): Promise<Segments> {
  const segments = await findSegments(chunks);
  if (segments) return segments;
  throw new UserError(
    'corpus-too-short',
    `${label}: expected at least 3 words to compare models on, found fewer`,
    'Name a longer text with --text FILE.',
  );
}

interface Job {
  name: string;
  model: CheckpointModel;
  text: ScoredText;
  segments: Segments;
  precision: Precision;
}

/** The nats of each segment by one model, scored as `eval` scores. */
async function score(
  { name, model, text, segments, precision }: Job,
  { json }: CompareOptions,
  signal: AbortSignal,
): Promise<SegmentTotals> {
  const { checkpoint, modelConfig, tokenizer } = model;
  const { part } = text;
  const ends = await tokenEnds(text.chunks(), tokenizer, segments);
  assertWholeWords(name, ends, part.tokens);
  const totals = new SegmentTotals(ends, tokenizer);
  const weights = weightsOf(selectParameters(modelConfig, checkpoint.weights, checkpoint.path));
  const progress = json || !process.stderr.isTTY ? silentProgress : startProgress();
  try {
    await scoreTokens(modelConfig, weights, part.sequence, {
      onLosses: totals.add,
      onProgress: (share) => progress.update(share, [`scoring by ${showInline(name, 40)}`]),
      signal,
      precision,
    });
  } finally {
    progress.stop();
    dispose({ ...weights });
  }
  return totals;
}

/** A tokenizer that another program made may do as it likes. */
function assertWholeWords(name: string, ends: Float64Array, tokens: number): void {
  const found = ends.at(-1) as number;
  if (found === tokens) return;
  throw new UserError(
    'tokenizer-words',
    `${name}: expected a tokenizer that divides text where words end, found one that makes ${tokens} ` +
      `tokens of the text and ${found} of its words`,
    'It cannot be compared by segments: gru-lm eval gives its figures.',
  );
}

/** The difference to the first model in nats a word. */
function differenceOf(
  totals: SegmentTotals,
  first: SegmentTotals,
  { sizes }: Segments,
  { resamples, seed }: CompareOptions,
  signal: AbortSignal,
): Promise<Interval> {
  const differences = totals.nats.map((nats, i) => nats - first.nats[i]!);
  return pairedBootstrap(differences, sizes, { resamples, seed, signal });
}
