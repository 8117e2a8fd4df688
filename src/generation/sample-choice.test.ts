import { describe, expect, it } from 'vitest';
import { type SampleOptions, sampleOptions } from '../config/sample.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { withDefaults } from '../option-table.ts';
import { bannedTokens, choiceOf } from './sample-choice.ts';

const tokenizer = trainTokenizer('ab=\n', { kind: 'char' });
const optionsOf = (given: Partial<SampleOptions>) => withDefaults(sampleOptions, given);
const idOf = (text: string) => tokenizer.encode(text)[0]!;

describe('the choice that options ask for', () => {
  it('has their biases and bans by id', () => {
    const given = { logitBias: ['a=-1.5', '==2', '\\n=0.5'], ban: ['b', '\n'], minP: 0.1 };
    const { bias, minP, temperature } = choiceOf(optionsOf(given), tokenizer);
    expect(bias).toEqual(
      new Map([
        [idOf('a'), -1.5],
        [idOf('='), 2],
        [idOf('\n'), Number.NEGATIVE_INFINITY],
        [idOf('b'), Number.NEGATIVE_INFINITY],
      ]),
    );
    expect({ minP, temperature }).toEqual({ minP: 0.1, temperature: 0.8 });
    expect(bannedTokens(optionsOf(given), tokenizer)).toEqual(new Set([idOf('b'), idOf('\n')]));
  });

  it.each(['a', '=1', 'a=', 'a=much', 'a=-Infinity', ''])('refuses the bias %j', (typed) => {
    expect(() => choiceOf(optionsOf({ logitBias: [typed] }), tokenizer)).toThrow(
      `--logit-bias: expected a token and a number as in the=-1.5, found "${typed}"`,
    );
  });

  it('refuses a bias for what is no token, and bans that leave nothing', () => {
    expect(() => choiceOf(optionsOf({ logitBias: ['ab=1'] }), tokenizer)).toThrow(
      '--logit-bias: expected a text that is one token, found "ab", which is 2: "a", "b"',
    );
    expect(() => choiceOf(optionsOf({ ban: ['a', 'b', '=', '\n'] }), tokenizer)).toThrow(
      '--ban: expected a token that is left to choose, found all 4 banned',
    );
  });
});
