import { afterEach, describe, expect, it, vi } from 'vitest';
import { copyLines, SampleView } from './sample-view.ts';

afterEach(() => vi.restoreAllMocks());

/** What `show` writes to standard output. */
function written(show: (view: SampleView) => void, stands: 'apart' | 'below' = 'apart'): string {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    text += piece;
    return true;
  });
  show(new SampleView({ json: false, raw: false }, stands));
  return text;
}

const end = { seed: 1, seconds: 1 };

describe('samples', () => {
  it('stand apart, each after its prompt', () => {
    const text = written((view) => {
      for (const prompt of ['a', 'b']) {
        view.begin(prompt);
        view.piece({ text: '\none\n' });
        view.end(end);
      }
    });
    expect(text).toBe(`a\none\n\n\n${'—'.repeat(20)}\nb\none\n\n`);
  });

  it('stand below each other where they are typed, with no line end more than they have', () => {
    const text = written((view) => {
      for (const piece of ['\none', 'two\n']) {
        view.beginTyped('typed');
        view.piece({ text: '' });
        view.piece({ text: piece });
        view.piece({ text: '\n' });
        view.end(end);
      }
      view.beginTyped('');
      view.piece({ text: '\nthree' });
      view.end(end);
    }, 'below');
    expect(text).toBe('one\ntwo\n\n\nthree\n');
  });
});

describe('what is copied', () => {
  it('is told in lines that fit on a terminal', () => {
    const longest = { tokens: 12, characters: 1234, text: 'x\n'.repeat(617), line: 4321 };
    const lines = copyLines({
      longest: { ...longest, document: 7 },
      share: 0.12345,
      spanTokens: 5,
    });
    expect(lines).toEqual([
      '(12.3% is copied from the training text in spans of 5 tokens or more;',
      ' the longest: 12 tokens, 1,234 characters, from line 4,321 of document 7,',
      ` "${'x␊'.repeat(17)}x…${'␊x'.repeat(17)}␊")`,
    ]);
    const short = { ...longest, tokens: 3, characters: 3, text: 'abc' };
    expect(copyLines({ longest: short, share: 0, spanTokens: 16 }).slice(1)).toEqual([
      ' the longest: 3 characters from line 4,321,',
      ' "abc")',
    ]);
    expect(copyLines({ longest: null, share: 0, spanTokens: 16 })).toHaveLength(1);
  });
});
