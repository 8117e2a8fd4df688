import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type OptionSpec, parseOption } from '../option-table.ts';
import { presetFlags, presetHelp } from './preset-help.ts';
import { PRESET_NAMES, PRESETS } from './presets.ts';
import { presetOptions, resolveTrainOptions } from './train.ts';
import { trainOptions } from './train-options.ts';

/** What each option given in `flags` means. */
function typed(flags: string): Record<string, unknown> {
  const specs = Object.entries(trainOptions) as [string, OptionSpec][];
  return Object.fromEntries(
    flags
      .split(/ ?--/)
      .slice(1)
      .map((given) => {
        const [flag, value = ''] = given.split(' ');
        const isTakenBack = (flag as string).startsWith('no-');
        const [name, spec] = specs.find(([, option]) => option.flag === flag?.replace(/^no-/, ''))!;
        return [name, isTakenBack ? false : parseOption(spec, value)];
      }),
  );
}

describe.each(PRESET_NAMES)('the preset %s', (name) => {
  it('gives what its flags would', () => {
    expect(typed(presetFlags(name))).toEqual(PRESETS[name].options);
    const { preset, ...options } = resolveTrainOptions({ preset: name });
    expect(options).toEqual(resolveTrainOptions(typed(presetFlags(name))));
  });

  it('says all that decides the model’s size, or leaves it to the rule', () => {
    const sizes = ['embeddingSize', 'hiddenSize', 'layers'];
    const said = sizes.filter((option) => option in presetOptions(name));
    expect(said).toEqual(name === 'char' || name === 'word' ? [] : sizes);
  });

  it('says all that decides how it learns, or leaves it to the rule', () => {
    // What Muon wants of them, and what other optimizers do, is not alike.
    const learning = ['dropout', 'batchSize', 'learningRate', 'optimizer'];
    const said = learning.filter((option) => option in presetOptions(name));
    expect(said).toEqual(name === 'tiny' ? learning : []);
  });

  it('gives way to each option that is given', () => {
    const own = { hiddenSize: 128, dropout: 0, layers: 3, tied: false, tokenizer: 'char' } as const;
    const { maxTime, ...rest } = resolveTrainOptions({ preset: name });
    expect(resolveTrainOptions({ preset: name, ...own })).toEqual({ ...rest, maxTime, ...own });
  });

  it('stands in the README and in the help with the flags that it is short for', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const { use } = PRESETS[name];
    expect(readme).toContain(`| \`${name}\` | ${use} | \`${presetFlags(name)}\` |\n`);
    const help = presetHelp().join(' ').replace(/ +/g, ' ');
    expect(help).toContain(` ${name} ${use} ${presetFlags(name)}`);
  });
});

describe('presets', () => {
  it('lose their limit to any that is given', () => {
    expect(resolveTrainOptions({ preset: 'tiny' }).maxTime).toBe(PRESETS.tiny.options.maxTime);
    expect(resolveTrainOptions({ preset: 'tiny', maxSteps: 5 }).maxTime).toBeUndefined();
    expect(resolveTrainOptions({ preset: 'tiny', epochs: 5 })).toMatchObject({ epochs: 5 });
    expect(resolveTrainOptions({ preset: 'tiny', maxTime: 5 }).maxTime).toBe(5);
  });

  it('end as runs without one where they have no limit', () => {
    expect(resolveTrainOptions({ preset: 'seed' }).maxTime).toBe(135);
  });

  it('are shown in 80 columns, with no flag cut off from its value', () => {
    for (const line of presetHelp()) {
      expect(line.length).toBeLessThanOrEqual(80);
      expect(line).not.toMatch(/--[a-z-]*-?(size|time|split|hidden)$/);
    }
  });
});
