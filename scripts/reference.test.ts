import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CommandSpec } from '../src/command-spec.ts';
import { REFERENCE, referenceText } from './reference.ts';

describe('the reference', () => {
  it('is what npm run docs:reference would write now', () => {
    expect(readFileSync(REFERENCE, 'utf8')).toBe(referenceText());
  });

  it('has a row for each option, with its values and default', () => {
    const command: CommandSpec = {
      ...{ name: 'stir', operands: '<pot>', summary: 'stir a pot', examples: ['gru-lm stir pot'] },
      options: {
        speed: {
          flag: 'speed-of',
          type: 'integer',
          min: 1,
          default: 3,
          help: 'how | fast',
          group: 'How:',
        },
        way: {
          flag: 'way',
          type: 'choice',
          choices: ['left', 'right'],
          help: 'where to',
          group: 'How:',
        },
        long: { flag: 'long', type: 'duration', default: 90, help: 'how long', group: 'When:' },
        hot: { flag: 'hot', letter: 'h', type: 'switch', help: 'heat it', group: 'When:' },
      },
      takesConfig: true,
      load: () => Promise.reject(new Error('nobody runs it')),
    };
    const text = referenceText([command]);
    expect(text).toContain('| [`stir`](#gru-lm-stir) | stir a pot |');
    expect(text).toContain(
      '`gru-lm stir <pot> [options]`: stir a pot.\n\n```sh\ngru-lm stir pot\n```\n\n### How\n',
    );
    expect(text).toContain(
      '| `--speed-of <N>` | `speed` | a whole number at least 1 | `3` | how \\| fast |\n' +
        '| `--way <left\\|right>` | `way` | one of left, right |  | where to |\n\n### When\n',
    );
    expect(text).toContain(
      '| `--long <TIME>` | `long` | a time such as 90s, 5m or 2h | `90s` | how long |\n' +
        '| `-h, --hot` | `hot` |  |  | heat it |\n',
    );
    expect(text).toMatch(/\| `--config <FILE>` \| {2}\| {2}\| {2}\| options from/);
  });
});
