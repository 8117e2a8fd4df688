import { dispose } from '@tensorflow/tfjs-core';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type GivenSampleOptions, sampleOptions } from '../config/sample.ts';
import { assertSampleOptions } from '../config/sample-conflicts.ts';
import { Conversation } from '../generation/conversation.ts';
import { bannedTokens, choiceOf } from '../generation/sample-choice.ts';
import type { Weights } from '../model/language-model.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { withDefaults } from '../option-table.ts';
import { converse } from './interactive.ts';
import { openSource } from './sample-copies.ts';
import { assertKnown, readPrompts } from './sample-prompts.ts';
import {
  assertStatePath,
  readSampleState,
  type SampleState,
  type StoredState,
  stateFor,
} from './sample-state.ts';
import { SampleView } from './sample-view.ts';
import {
  type SampleRun,
  sampleBeams,
  sampleSideBySide,
  sampleStreaming,
  startsOf,
} from './sample-ways.ts';
import { startBackend } from './start-backend.ts';
import { arePiecesWanted } from './terminal.ts';

/** `gru-lm sample`: on a terminal, or to a program that wants it, text streams as it is made; otherwise many samples are made at a time. */
export async function run(
  given: GivenSampleOptions,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  assertSampleOptions(given);
  const options = withDefaults(sampleOptions, given);
  if (options.saveState !== undefined) await assertStatePath(options.saveState, options.continue);
  const { model, saved } = await openWithState(name, options.continue);
  const { checkpoint, modelConfig, tokenizer } = model;
  const choice = choiceOf(options, tokenizer);
  const banned = bannedTokens(options, tokenizer);
  const prompts = options.interactive ? [] : await readPrompts(options, signal);
  assertKnown(tokenizer, prompts);
  const source = options.copied ? await openSource(model, options.json, signal) : undefined;
  let weights: Weights = {};
  try {
    await startBackend(options, signal);
    const parameters = selectParameters(modelConfig, checkpoint.weights, checkpoint.path);
    weights = weightsOf(parameters);
    const textModel = { config: modelConfig, weights, tokenizer };
    const seed = options.seed ?? saved?.seed ?? Math.floor(Math.random() * 1e6);
    // Without a new seed, the generator goes on as well.
    const random = options.seed === undefined ? saved?.random : undefined;
    if (options.interactive) {
      const start = saved && { text: saved.text, random };
      const conversation = new Conversation(textModel, { ...options, ...choice }, seed, start);
      await converse(model, conversation, new SampleView(options, 'below'), options, signal);
      return;
    }
    const starts = startsOf(tokenizer, prompts, saved?.text);
    const samples: SampleRun = {
      model,
      textModel,
      options,
      choice,
      banned,
      source,
      signal,
      starts,
      seed,
      random,
    };
    const isWatched = options.json ? arePiecesWanted() : process.stdout.isTTY;
    const isSingle = prompts.length * options.samples === 1;
    if (options.beam !== undefined) await sampleBeams(samples, options.beam);
    else if (isWatched || isSingle) await sampleStreaming(samples);
    else await sampleSideBySide(samples);
  } finally {
    dispose({ ...weights });
    await source?.close();
  }
}

/** The model, and where a sample of it ended. */
async function openWithState(
  name: string | undefined,
  file: string | undefined,
): Promise<{ model: CheckpointModel; saved?: SampleState }> {
  if (file === undefined) return { model: await openModel(name, ['weights']) };
  const stored: StoredState = await readSampleState(file);
  const model = await openModel(name ?? stored.checkpoint, ['weights']);
  return { model, saved: await stateFor(stored, model) };
}
