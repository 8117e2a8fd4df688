import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { run } from './inspect.ts';

const { signal } = new AbortController();

describe('gru-lm inspect', () => {
  it.each([
    [{}, 'expected one of --prompt and --text, found neither'],
    [{ prompt: 'a', text: 'b.txt' }, 'expected one of --prompt and --text, found both'],
    [{ prompt: 'a', encoding: 'latin1' }, 'expected --text with --encoding, found --prompt'],
    [{ prompt: 'a', newlines: 'lf' }, 'expected --text with --newlines, found --prompt'],
    [{ prompt: 'a', textField: 'body' }, 'expected --text with --text-field, found --prompt'],
    [{ prompt: 'a', span: 3 }, 'expected --explain or --html with --span, found it alone'],
    [{ prompt: 'a', units: 3 }, 'expected --html or --json with --units, found it alone'],
    [{ prompt: 'a', overwrite: true }, 'expected --html with --overwrite, found it alone'],
  ] as const)('refuses %j before it reads anything', async (given, message) => {
    const refusal = await run(given, ['nowhere'], signal).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect(refusal).toMatchObject({ code: 'usage', message });
  });
});
