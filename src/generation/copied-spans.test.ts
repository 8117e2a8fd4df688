import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenArray } from '../data/token-sequence.ts';
import { trainTokenizer } from '../data/tokenizer.ts';
import { findCopies } from './copied-spans.ts';
import { MatchingStep } from './matching-step.ts';
import { SuffixAutomaton } from './suffix-automaton.ts';

const tokenizer = trainTokenizer('ab\n', { kind: 'char', endOfText: true });
const END = tokenizer.endOfTextId!;
/** Of the alphabet of the source; made texts have no ends of documents and nothing unknown. */
const tokens = [...tokenizer.encode('ab\n')];

/** Whether `part` stands in `all`, and where. */
function placesOf(part: readonly number[], all: readonly number[]): number[] {
  return all.flatMap((_, at) => (part.every((id, i) => all[at + i] === id) ? [at] : []));
}

/** By trying all parts. */
function bruteForce(text: readonly number[], source: readonly number[], shortest: number) {
  let longest = { start: 0, tokens: 0 };
  const isCovered = text.map(() => false);
  for (let start = 0; start < text.length; start++) {
    for (let end = start + 1; end <= text.length; end++) {
      if (placesOf(text.slice(start, end), source).length === 0) break;
      if (end - start > longest.tokens) longest = { start, tokens: end - start };
      if (end - start >= shortest) isCovered.fill(true, start, end);
    }
  }
  const share = text.length > 0 ? isCovered.filter(Boolean).length / text.length : 0;
  return { longest, share };
}

/** The document and line, from 1, that a token of the source is in. */
function placeOf(at: number, source: readonly number[]): { document: number; line: number } {
  const before = source.slice(0, at);
  const document = before.filter((id) => id === END).length + 1;
  const inDocument = before.slice(before.lastIndexOf(END) + 1);
  return { document, line: inDocument.filter((id) => tokenizer.decode([id]) === '\n').length + 1 };
}

const text = fc.array(fc.constantFrom(...tokens), { maxLength: 30 });
const source = fc.array(fc.constantFrom(...tokens, ...tokens, END, tokenizer.unknownId!), {
  maxLength: 80,
});

describe('copied spans', () => {
  it('are those that are found by trying all, in each of the texts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 4 }),
        source,
        fc.integer({ min: 1, max: 6 }),
        async (texts, ids, shortest) => {
          const sequence = new TokenArray(Int32Array.from(ids));
          const found = await findCopies(texts, sequence, tokenizer, { shortest });
          for (const [i, each] of texts.entries()) {
            const { longest, share } = bruteForce(each, ids, shortest);
            expect(found[i]!.share).toBeCloseTo(share, 12);
            expect(found[i]!.longest?.tokens ?? 0).toBe(longest.tokens);
            if (!found[i]!.longest) continue;
            const { document, line, start, tokens: length } = found[i]!.longest;
            expect(start).toBe(longest.start);
            const places = placesOf(each.slice(start, start + length), ids);
            expect(places.map((at) => placeOf(at, ids))).toContainEqual({ document, line });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are told by document and line, however the source is read', async () => {
    const all = [
      ...tokenizer.encode('b\n'.repeat(200_000)),
      END,
      ...tokenizer.encode('a\n\naba\n'),
    ];
    const sequence = new TokenArray(Int32Array.from(all));
    const shares: number[] = [];
    const [copy] = await findCopies([[...tokenizer.encode('bb\naba\nb')]], sequence, tokenizer, {
      shortest: 4,
      onProgress: (share) => shares.push(share),
    });
    expect(copy).toEqual({
      longest: { start: 2, tokens: 5, document: 2, line: 2 },
      share: 5 / 8,
    });
    expect(shares).toHaveLength(2);
    expect(shares.at(-1)).toBe(1);
  });

  it('are looked for until that is stopped', async () => {
    const sequence = new TokenArray(tokenizer.encode('ab'));
    const signal = AbortSignal.abort();
    await expect(findCopies([[0]], sequence, tokenizer, { shortest: 1, signal })).rejects.toThrow();
  });
});

describe('a step of matching', () => {
  it('knows the longest end that is part of the sequence, with and without a table', () => {
    const symbols = fc.array(fc.nat({ max: 3 }), { maxLength: 25 });
    fc.assert(
      fc.property(symbols, symbols, (all, other) => {
        const automaton = new SuffixAutomaton(all);
        const steps = [4, 1e9].map((most) => new MatchingStep(automaton, most));
        for (const [i, symbol] of other.entries()) {
          const read = other.slice(0, i + 1);
          const ends = read.map((_, start) => read.slice(start));
          const longest = ends.find((end) => placesOf(end, all).length > 0)?.length ?? 0;
          for (const step of steps) {
            step.take(symbol);
            expect(step.length).toBe(longest);
            expect(step.length).toBeLessThanOrEqual(automaton.lengths[step.state]!);
          }
          expect(steps[0]!.state).toBe(steps[1]!.state);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the automaton', () => {
  it('knows every part of its sequence, and nothing else', () => {
    const symbols = fc.array(fc.nat({ max: 2 }), { maxLength: 20 });
    fc.assert(
      fc.property(symbols, symbols, (all, part) => {
        const automaton = new SuffixAutomaton(all);
        let state = 0;
        for (const symbol of part) if (state >= 0) state = automaton.next(state, symbol);
        expect(state >= 0).toBe(part.length === 0 || placesOf(part, all).length > 0);
        expect(automaton.size).toBeLessThanOrEqual(Math.max(1, 2 * all.length));
        const lengths = [...automaton.byLength()].map((each) => automaton.lengths[each]!);
        expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
        expect(lengths).toHaveLength(automaton.size);
      }),
      { numRuns: 300 },
    );
  });
});
