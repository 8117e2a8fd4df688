import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  byteCount,
  clock,
  count,
  cutMiddle,
  figure,
  notice,
  printJson,
  printLine,
  printRaw,
  printText,
  shortCount,
  showControls,
  showInline,
} from './terminal.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.resetModules();
});

/** Everything that is not to reach a terminal, in a text that is otherwise harmless. */
const HOSTILE = `a${Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join('')}\u061c\u200e\u200f\u202a\u202e\u2066\u2069z`;
const UNWANTED = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/u;

/** What `write` writes to both streams. */
function written(write: () => void): string {
  let text = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((piece) => {
      text += piece;
      return true;
    });
  }
  write();
  return text;
}

describe('what is written', () => {
  test.for([
    ['printLine', printLine],
    ['printText', printText],
    ['notice', notice],
    ['printJson', (text: string) => printJson({ [text]: [text] })],
  ] as const)('%s: no control character but line ends and tabs', ([, write]) => {
    expect(written(() => write(HOSTILE))).not.toMatch(UNWANTED);
  });

  test('JSON holds the same value, escaped', () => {
    const line = written(() => printJson({ text: HOSTILE }));
    expect(JSON.parse(line)).toEqual({ text: HOSTILE });
    expect(line).toContain('\\u009b');
    expect(line).toContain('\\u202e');
  });

  test('printRaw alone writes text as it is', () => {
    expect(written(() => printRaw(HOSTILE))).toBe(HOSTILE);
  });

  test('colours are sent, and those within a text are not', async () => {
    vi.stubEnv('FORCE_COLOR', '1');
    vi.resetModules();
    const { outStyle, printLine: print } = await import('./terminal.ts');
    const line = written(() => print(`${outStyle.red('\u001b[1ma')} \u001b[31mb`));
    expect(line).toBe('\u001b[31m␛[1ma\u001b[39m ␛[31mb\n');
  });
});

describe('showInline', () => {
  test('gives one line', () => {
    expect(showInline('a\nb\tc\u001bd')).toBe('a␊b␉c␛d');
  });

  test('cuts a long text in its middle, not within a character', () => {
    expect(showInline('x'.repeat(1e6))).toBe(`${'x'.repeat(100)}…${'x'.repeat(100)}`);
    expect(cutMiddle('😀'.repeat(50), 10)).toBe(`${'😀'.repeat(5)}…${'😀'.repeat(5)}`);
    expect(cutMiddle('short', 5)).toBe('short');
  });
});

describe('showControls', () => {
  test('makes control characters visible and keeps line ends and tabs', () => {
    expect(showControls('a\u001b[31mb\u0000\u0007\r\n\tc\u007f')).toBe('a␛[31mb␀␇␍\n\tc␡');
  });

  test('replaces C1 controls and what turns the direction of text around', () => {
    expect(showControls('\u0085\u009b2J\u202eabc\u2066d\u2069')).toBe('��2J�abc�d�');
  });

  test('leaves all other text as it is', () => {
    const text = 'Größe, 東京, 👩‍👧, é, ␛';
    expect(showControls(text)).toBe(text);
  });
});

test('count groups digits', () => {
  expect([0, 999, 1000, 1_234_567].map(count)).toEqual(['0', '999', '1,000', '1,234,567']);
});

test('shortCount keeps about three digits', () => {
  expect([0, 999, 1000, 12_345, 123_456, 1_234_567].map(shortCount)).toEqual([
    ...['0', '999', '1.0k', '12.3k', '123k', '1.2M'],
  ]);
});

test('byteCount takes the unit that fits', () => {
  expect([0, 999, 1000, 274_000_000, 1_500_000_000].map(byteCount)).toEqual([
    ...['0 B', '999 B', '1.0 kB', '274.0 MB', '1.50 GB'],
  ]);
});

test('a number that rounds up to the next unit takes that unit', () => {
  expect([999.6, 99_999, 999_999].map(shortCount)).toEqual(['1.0k', '100k', '1.0M']);
  expect([999_999, 999_999_999].map(byteCount)).toEqual(['1.0 MB', '1.00 GB']);
});

test('clock rounds to seconds and is never below zero', () => {
  expect([0, 7.4, 59.6, 754, 3723, -1].map(clock)).toEqual([
    ...['0:00', '0:07', '1:00', '12:34', '1:02:03', '0:00'],
  ]);
});

test('figure keeps about four digits, and says what is no number', () => {
  expect([1, 23.4567, 999.96, 12_345.6, 1e6, Number.NaN, Infinity].map(figure)).toEqual([
    ...['1.000', '23.46', '1000', '12346', '1.00e+6', 'NaN', '>1e+308'],
  ]);
});
