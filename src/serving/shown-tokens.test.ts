import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { StopTexts } from '../generation/stop-texts.ts';
import { decoderAfter } from '../generation/text-stream.ts';
import { type ShownToken, ShownTokens } from './shown-tokens.ts';

const chars = trainTokenizer('ab\n', { kind: 'char' });
const bytes = trainTokenizer('', { kind: 'byte' });
const words = trainTokenizer('the fox the dog\nthe end', { kind: 'word' });

/** Tells a follower of tokens as a text's stream does. */
function follow(tokenizer: Tokenizer, ids: readonly number[], stop: string[] = []) {
  const decoder = decoderAfter(tokenizer, []);
  const stops = new StopTexts(stop);
  const shown = new ShownTokens(tokenizer, [], 2);
  const scores = new Float32Array(tokenizer.vocabularySize).fill(-1);
  const batches: ShownToken[][] = [];
  let whole = '';
  for (const id of ids) {
    const { text, stopped } = stops.push(decoder.push(id));
    whole += text;
    batches.push(shown.push({ id, nats: 1, text }, scores));
    if (!stopped) continue;
    const { tokens, rest } = shown.end('', true);
    return { batches: [...batches, tokens], whole, rest };
  }
  const held = stops.push(decoder.end());
  const last = held.stopped ? held.text : held.text + stops.takeHeld();
  const { tokens, rest } = shown.end(last, false);
  return { batches: [...batches, tokens], whole: whole + last, rest };
}

const idsOf = (tokenizer: Tokenizer, text: string) => [...tokenizer.encode(text)];

describe('the tokens of a text', () => {
  it('show as soon as their text is certain, with the likeliest in their place', () => {
    const { batches } = follow(chars, idsOf(chars, 'ab'));
    expect(batches.map((batch) => batch.map(({ text }) => text))).toEqual([['a'], ['b'], []]);
    expect(batches[1]?.[0]).toMatchObject({ offset: 1, nats: 1 });
    expect(batches[0]?.[0]?.alternatives).toHaveLength(2);
  });

  it('wait while they may begin a stop text, and do not show where they do', () => {
    const { batches, whole } = follow(chars, idsOf(chars, 'bab\na\n'), ['a\n']);
    expect(whole).toBe('bab\n');
    expect(batches.map((batch) => batch.map(({ text }) => text).join(''))).toEqual([
      ...['b', '', 'ab', '\n', '', '', ''],
    ]);
    expect(batches.flat()).toHaveLength(4);
  });

  it('that are pieces of a character show with it, and the last has its text', () => {
    const { batches } = follow(bytes, idsOf(bytes, 'aé!'));
    expect(batches.map((batch) => batch.map(({ text }) => text))).toEqual([
      ...[['a'], [], ['', 'é'], ['!'], []],
    ]);
  });

  it('are cut where a stop text begins within one', () => {
    const { batches, whole } = follow(words, idsOf(words, 'the fox the dog'), ['x t']);
    expect(whole).toBe('the fo');
    expect(batches.flat().map(({ text }) => text)).toEqual(['the', ' fo']);
  });

  it('that end within a character leave the rest of the text to none', () => {
    const { batches, whole, rest } = follow(bytes, [0xc3, 0xc3]);
    expect(whole).toBe('\ufffd\ufffd');
    expect(batches.flat().map(({ text }) => text)).toEqual(['', '\ufffd']);
    expect(rest).toBe('\ufffd');
  });

  it('of a prompt are the text’s first, and what is left of it goes on in those that are made', () => {
    const shown = new ShownTokens(bytes, [], 0);
    const prompt = { nats: Number.NaN, alternatives: [] };
    const batches = [0x61, 0xc3].map((id) => shown.pushPrompt({ id, ...prompt }));
    expect(batches.map((batch) => batch.map(({ text }) => text))).toEqual([['a'], []]);
    const scores = new Float32Array(bytes.vocabularySize);
    const made = shown.push({ id: 0xa9, nats: 1, text: 'é' }, scores);
    expect(made).toEqual([
      { id: 0xc3, nats: Number.NaN, alternatives: [], text: '', offset: 1 },
      { id: 0xa9, nats: 1, alternatives: [], text: 'é', offset: 1 },
    ]);
  });

  it('are together the text, whatever they are', () => {
    const stops = fc.array(fc.constantFrom('a', 'ab', '\n', 'é', 'ba\n', ' '), { maxLength: 2 });
    fc.assert(
      fc.property(
        fc.constantFrom(chars, bytes, words),
        fc.array(fc.nat(), { maxLength: 30 }),
        stops,
        (tokenizer, numbers, stop) => {
          const ids = numbers.map((number) => number % tokenizer.vocabularySize);
          const { batches, whole, rest } = follow(tokenizer, ids, stop);
          const all = batches.flat();
          expect(all.map(({ text }) => text).join('') + rest).toBe(whole);
          expect(all.map(({ id }) => id)).toEqual(ids.slice(0, all.length));
          let offset = 0;
          for (const token of all) {
            expect(token.offset).toBe(offset);
            offset += token.text.length;
          }
        },
      ),
    );
  });
});
