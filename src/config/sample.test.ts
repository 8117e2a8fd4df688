import { describe, expect, it } from 'vitest';
import type { UserError } from '../errors.ts';
import { TOKENS_KEPT } from '../generation/text-model.ts';
import { type GivenSampleOptions, sampleNotes, sampleOptions } from './sample.ts';
import { assertSampleOptions } from './sample-conflicts.ts';

function refusal(given: GivenSampleOptions): string {
  try {
    assertSampleOptions(given);
  } catch (error) {
    expect((error as UserError).code).toBe('usage');
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

const both = (a: string, b: string) => `expected at most one of --${a} and --${b}, found both`;

describe('options of sample', () => {
  it.each([
    [{ beam: 4, temperature: 0.5 }, both('beam', 'temperature')],
    [{ beam: 4, topK: 3 }, both('beam', 'top-k')],
    [{ beam: 4, minP: 0.1 }, both('beam', 'min-p')],
    [{ beam: 4, typical: 0.9 }, both('beam', 'typical')],
    [{ beam: 4, logitBias: ['a=1'] }, both('beam', 'logit-bias')],
    [{ beam: 4, repetitionPenalty: 1.2 }, both('beam', 'repetition-penalty')],
    [{ beam: 4, greedy: true }, both('beam', 'greedy')],
    [{ beam: 4, seed: 0 }, both('beam', 'seed')],
    [{ prompts: 'p.txt', prompt: 'a' }, both('prompts', 'prompt')],
    [{ prompts: 'p.txt', continue: 's' }, both('prompts', 'continue')],
    [{ saveState: 's', prompts: 'p.txt' }, both('save-state', 'prompts')],
    [{ saveState: 's', beam: 2 }, both('save-state', 'beam')],
    [{ interactive: true, prompt: 'a' }, both('interactive', 'prompt')],
    [{ interactive: true, samples: 2 }, both('interactive', 'num-samples')],
    [{ interactive: true, copied: true }, both('interactive', 'copied')],
    [{ beam: 4, samples: 5 }, '--num-samples: expected at most as many as --beam 4, found 5'],
    [
      { saveState: 's', samples: 2 },
      '--save-state: expected one sample, whose end it keeps, found --num-samples 2',
    ],
    [
      { continue: 's', samples: 2 },
      '--continue: expected --seed beside --num-samples 2, found none',
    ],
    [
      { seed: Number.MAX_SAFE_INTEGER - 1, samples: 3 },
      '--seed: expected at most 9007199254740989 for --num-samples 3, found 9007199254740990',
    ],
  ] as const)('%j are refused', (given, message) => {
    expect(refusal(given as GivenSampleOptions)).toBe(message);
  });

  it.each([
    {},
    { beam: 4, samples: 4, ban: ['a'], stop: ['b'], prompts: 'p.txt', copied: true },
    { continue: 's', saveState: 's', prompt: 'more' },
    { continue: 's', samples: 3, seed: 0 },
    { continue: 's', beam: 3, samples: 2 },
    { seed: Number.MAX_SAFE_INTEGER },
    { seed: Number.MAX_SAFE_INTEGER - 1, samples: 2 },
    { interactive: true, continue: 's', temperature: 1, json: true },
    { greedy: true, interactive: undefined, temperature: 1 },
  ] as GivenSampleOptions[])('%j go together', (given) => {
    expect(() => assertSampleOptions(given)).not.toThrow();
  });

  it('ask for no more recent tokens than a text remembers', () => {
    expect(sampleOptions.repetitionWindow.max).toBeLessThanOrEqual(TOKENS_KEPT);
  });

  it('are followed by notes that fit on a terminal', () => {
    for (const line of sampleNotes) expect(line.length).toBeLessThanOrEqual(80);
  });
});
