/** The ways in which `gru-lm sample` makes texts: one after the other, side by side, or by beam search. */
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { SampleOptions } from '../config/sample.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Tokenizer } from '../data/tokenizer-types.ts';
import { turnEventLoop } from '../event-loop.ts';
import { searchBeams } from '../generation/beam-search.ts';
import { type ChoiceOptions, TokenChooser } from '../generation/choose-token.ts';
import { Passage } from '../generation/passage.ts';
import {
  generateSideBySide,
  type MadeText,
  streamsFor,
  type TextJob,
} from '../generation/side-by-side.ts';
import {
  afterPrompt,
  type TextModel,
  type TextState,
  withTokens,
} from '../generation/text-model.ts';
import { tokensWithin } from '../generation/text-stream.ts';
import { Random } from '../random.ts';
import { silentProgress, startProgress } from './progress-bar.ts';
import { reportCopies, TOKENS_TOGETHER } from './sample-copies.ts';
import type { Prompt } from './sample-prompts.ts';
import { writeSampleState } from './sample-state.ts';
import { SampleView, type WholeSample } from './sample-view.ts';
import { arePiecesWanted, clock, count, notice } from './terminal.ts';

/** What samples go on from. */
export interface SampleStart {
  /** As it is shown. */
  readonly prompt: string;
  readonly index: number | undefined;
  readonly state: () => TextState;
}

/** All that is to be done. */
export interface SampleRun {
  readonly model: CheckpointModel;
  readonly textModel: TextModel;
  readonly options: SampleOptions;
  readonly choice: ChoiceOptions;
  readonly banned: ReadonlySet<number>;
  /** Where what was copied is looked for. */
  readonly source: Dataset | undefined;
  readonly signal: AbortSignal;
  readonly starts: readonly SampleStart[];
  /** Of the first sample of each prompt; each further one has the next. */
  readonly seed: number;
  /** What the first sample draws from, where that is no generator of its seed. */
  readonly random: Random | undefined;
}

/** @param before where an earlier sample ended */
export function startsOf(
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  before: TextState | undefined,
): SampleStart[] {
  return prompts.map(({ text, index }) => {
    if (!before) {
      return { prompt: text, index, state: () => afterPrompt(tokenizer, tokenizer.encode(text)) };
    }
    if (text === '') return { prompt: '', index, state: () => before };
    return {
      prompt: before.held + text,
      index,
      state: () => withTokens(before, tokenizer.encode(text)),
    };
  });
}

/** One sample after the other, each shown as it is made. */
export async function sampleStreaming(run: SampleRun): Promise<void> {
  const { textModel, options, signal } = run;
  const chooser = new TokenChooser(run.choice, textModel.tokenizer.unknownId);
  const view = new SampleView(options);
  for (const { prompt, index, state } of run.starts) {
    for (let i = 0; i < options.samples && !signal.aborted; i++) {
      const seed = run.seed + i;
      const random = (i === 0 ? run.random : undefined) ?? new Random(seed);
      const startedMs = performance.now();
      view.begin(prompt, index);
      const ids: number[] = [];
      let text = '';
      const start = state();
      const passage = new Passage(textModel, start);
      const atEnd = options.saveState === undefined ? 'show' : 'keep';
      try {
        for (const piece of passage.go(chooser, options, random, atEnd)) {
          view.piece(piece);
          text += piece.text;
          if (piece.id !== undefined) ids.push(piece.id);
          // Lets what was written out, and signals in; a program hears of each token as it is made.
          if (arePiecesWanted() || ids.length % 16 === 0) await turnEventLoop();
          // The text has the token by now: what goes on from it later does not show it again.
          if (signal.aborted) break;
        }
        const held = atEnd === 'show' ? passage.takeHeld() : '';
        text += held;
        if (held) view.piece({ text: held });
        const seconds = (performance.now() - startedMs) / 1000;
        const [copied] = await copiesOf([{ start, ids, text }], run);
        view.end({ seed, seconds, copied });
        if (options.saveState === undefined) continue;
        const end = { text: passage.state(), random, seed };
        await writeSampleState(options.saveState, run.model, end, options.continue);
      } finally {
        passage.dispose();
      }
    }
  }
}

/**
 * As many samples at a time as there is room for, each shown when it and those before it are done. A signal ends
 * those that have begun where they are.
 */
export async function sampleSideBySide(run: SampleRun): Promise<void> {
  const { textModel, options, signal, starts } = run;
  const chooser = new TokenChooser(run.choice, textModel.tokenizer.unknownId);
  const total = starts.length * options.samples;
  const streams = Math.min(total, streamsFor(textModel.config.vocabularySize));
  const progress = options.json || !process.stderr.isTTY ? silentProgress : startProgress();
  const output = new OrderedOutput(run);
  const startedMs = performance.now();
  let [done, tokens] = [0, 0];
  try {
    const jobs = jobsOf(run);
    for (const made of generateSideBySide(textModel, jobs, chooser, options, streams, signal)) {
      for (const text of made) tokens += text.ids.length;
      done += made.length;
      progress.update(done / total, [`${count(done)} of ${count(total)} samples`]);
      await output.add(made);
      await turnEventLoop();
    }
  } finally {
    progress.stop();
  }
  await output.end();
  if (!process.stderr.isTTY || options.json) return;
  const seconds = (performance.now() - startedMs) / 1000;
  const speed = `${count(tokens / seconds)} tokens/s`;
  const last = run.seed + options.samples - 1;
  const seeds = last === run.seed ? `seed ${last}` : `seeds ${run.seed} to ${last}`;
  notice(
    `(${count(done)} samples, ${count(tokens)} tokens in ${clock(seconds)}, ${speed}, ${seeds})`,
  );
}

function* jobsOf({ starts, options, seed, random }: SampleRun): Generator<TextJob, void, void> {
  for (const { state } of starts) {
    const start = state();
    for (let i = 0; i < options.samples; i++) {
      yield { start, random: (i === 0 ? random : undefined) ?? new Random(seed + i) };
    }
  }
}

/** Shows samples in the order of their jobs, whenever they are done. */
class OrderedOutput {
  readonly #run: SampleRun;
  readonly #view: SampleView;
  readonly #waiting = new Map<number, MadeText>();
  #next = 0;
  /** In order, not yet shown. */
  #ready: MadeText[] = [];
  #tokens = 0;

  constructor(run: SampleRun) {
    this.#run = run;
    this.#view = new SampleView(run.options);
  }

  async add(made: readonly MadeText[]): Promise<void> {
    for (const text of made) this.#waiting.set(text.index, text);
    for (let text = this.#take(); text; text = this.#take()) this.#push(text);
    // What was copied is looked for in many at once.
    if (!this.#run.source || this.#tokens >= TOKENS_TOGETHER) await this.#show();
  }

  /** Shows the rest, though some before it may be missing. */
  async end(): Promise<void> {
    const rest = [...this.#waiting.values()].sort((a, b) => a.index - b.index);
    for (const text of rest) this.#push(text);
    await this.#show();
  }

  #take(): MadeText | undefined {
    const text = this.#waiting.get(this.#next);
    if (!text) return undefined;
    this.#waiting.delete(this.#next);
    this.#next += 1;
    return text;
  }

  #push(text: MadeText): void {
    this.#ready.push(text);
    this.#tokens += text.ids.length;
  }

  async #show(): Promise<void> {
    const ready = this.#ready;
    [this.#ready, this.#tokens] = [[], 0];
    const copies = await copiesOf(ready, this.#run);
    const { starts, options, seed } = this.#run;
    for (const [i, { index, text, ids, nats, seconds }] of ready.entries()) {
      const start = starts[Math.floor(index / options.samples)]!;
      const sample: WholeSample = {
        ...{ prompt: start.prompt, index: start.index, text, tokens: ids.length, nats },
        ...{ seed: seed + (index % options.samples), seconds, copied: copies[i] },
      };
      this.#view.whole(sample, true);
    }
  }
}

/** The likeliest texts of each prompt; none of the one that is searched when a signal comes. */
export async function sampleBeams(run: SampleRun, beams: number): Promise<void> {
  const { textModel, options, signal, banned } = run;
  const view = new SampleView(options);
  const { length, stop, samples: wanted } = options;
  for (const { prompt, index, state } of run.starts) {
    const startedMs = performance.now();
    const start = state();
    const search = searchBeams(textModel, start, { length, stop, beams, wanted, banned });
    let step = search.next();
    for (; !step.done; step = search.next()) {
      await turnEventLoop();
      if (signal.aborted) {
        search.return([]);
        return;
      }
    }
    const found = step.value;
    const seconds = (performance.now() - startedMs) / 1000;
    const copies = await copiesOf(
      found.map((each) => ({ ...each, start })),
      run,
    );
    for (const [i, { text, ids, nats }] of found.entries()) {
      view.whole({
        ...{ prompt, index, text, tokens: ids.length, nats },
        ...{ seed: null, seconds, copied: copies[i] },
      });
    }
  }
}

async function copiesOf(
  texts: readonly Pick<MadeText, 'start' | 'ids' | 'text'>[],
  { source, options, signal }: SampleRun,
) {
  if (!source || texts.length === 0 || signal.aborted) return [];
  const shown = texts.map(({ start, ids, text }) =>
    options.stop ? tokensWithin(source.tokenizer, start, ids, text) : ids,
  );
  return await reportCopies(shown, source, options.json, signal);
}
