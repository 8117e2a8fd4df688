/** A run so small that tests can hold one against another. */
import { encodeJson } from '../../checkpoint/json.ts';
import { TokenArray } from '../../data/token-sequence.ts';
import { trainTokenizer } from '../../data/tokenizer.ts';
import { trainRun } from '../run.ts';
import type { RunEvent } from '../run-events.ts';
import type { RunConfig, RunOptions } from '../run-options.ts';
import type { RunSnapshot } from '../run-snapshot.ts';

const text = 'abba cab\n'.repeat(60);
const tokenizer = trainTokenizer(text, { kind: 'char' });
const ids = tokenizer.encode(text);
export const data = {
  tokenizer,
  train: new TokenArray(ids.slice(0, 450)),
  valid: new TokenArray(ids.slice(450)),
};

export function configOf(overrides: Partial<RunConfig> = {}): RunConfig {
  return {
    model: {
      vocabularySize: tokenizer.vocabularySize,
      embeddingSize: 3,
      hiddenSize: 8,
      layers: 1,
      gruVariant: 'reset-after',
      dropout: 0.2,
      dropoutMask: 'step',
    },
    batchSize: 4,
    bptt: 8,
    precision: 'float32',
    seed: 3,
    optimizer: 'adam',
    clipNorm: 1,
    clipValue: 0,
    weightDecay: 0,
    learningRate: 0.03,
    learningRateDecay: 'cosine',
    warmup: 0.1,
    maxSteps: 12,
    evalEvery: 4,
    sampleEvery: 0,
    ...overrides,
  };
}

interface SmallRunOptions extends Omit<RunOptions, 'signal'> {
  /** Aborts at the first event for which it is true. */
  abortAt?: (event: RunEvent) => boolean;
  /** Is given each event before it is known whether another follows. */
  onEvent?: (event: RunEvent) => void;
}

/** All events of a run on {@link data}. */
export async function eventsOf(
  config: RunConfig,
  { abortAt, onEvent, ...options }: SmallRunOptions = {},
): Promise<RunEvent[]> {
  const controller = new AbortController();
  const events: RunEvent[] = [];
  for await (const event of trainRun(config, data, { ...options, signal: controller.signal })) {
    events.push(event);
    onEvent?.(event);
    if (abortAt?.(event)) controller.abort();
  }
  return events;
}

export type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

export function ofType<Type extends RunEvent['type']>(
  events: RunEvent[],
  type: Type,
): EventOf<Type>[] {
  return events.filter((event): event is EventOf<Type> => event.type === type);
}

/** `step 4`, `eval 4`, …: what happened, in its order. */
export function outline(events: RunEvent[]): string[] {
  return events
    .filter(({ type }) => type !== 'step' && type !== 'evaluating' && type !== 'saving')
    .map(({ type, step }) => `${type} ${step}`);
}

/** The last snapshot that was handed out, without what depends on the machine's speed. */
export function lastOf(events: RunEvent[]): Omit<RunSnapshot, 'clock'> {
  const { clock, ...rest } = ofType(events, 'save').at(-1)!.snapshot;
  return rest;
}

/** As a checkpoint would give it back. */
export function stored(snapshot: RunSnapshot): RunSnapshot {
  const { progress, run, history, ...tensors } = snapshot;
  const json = new TextDecoder().decode(encodeJson({ progress, run, history } as never, 'x'));
  return { ...structuredClone(tensors), ...(JSON.parse(json) as object) } as RunSnapshot;
}
