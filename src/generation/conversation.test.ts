import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../test/support/backends.ts';
import { heldTensors } from '../../test/support/numbers.ts';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { initialParameters, weightsOf } from '../model/weights.ts';
import { Random } from '../random.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';
import { generate } from './generate.ts';
import type { TextModel } from './text-model.ts';

const chars = trainTokenizer('ab\n', { kind: 'char' });
const oneLine = trainTokenizer('ab', { kind: 'char' });
const options: ConversationOptions = {
  ...{ temperature: 1, topK: 0, topP: 1, greedy: false, length: 12 },
};

function modelOf(tokenizer: Tokenizer): TextModel {
  const config = {
    ...{ vocabularySize: tokenizer.vocabularySize, embeddingSize: 3, hiddenSize: 4, layers: 1 },
    ...{ gruVariant: 'reset-after' as const, dropout: 0 },
  };
  const parameters = initialParameters(config, new Random(1));
  for (const { data } of parameters.values()) for (let i = 0; i < data.length; i++) data[i]! *= 3;
  return { config, tokenizer, weights: weightsOf(parameters) };
}

function reply(conversation: Conversation, line: string): string {
  return [...conversation.reply(line)].map(({ text }) => text).join('');
}

/** The text after a prompt, at once. */
function alone({ config, weights, tokenizer }: TextModel, prompt: string, length: number): string {
  const ids = tokenizer.encode(prompt);
  const pieces = generate(config, weights, tokenizer, ids, { ...options, length }, new Random(5));
  return Array.from(pieces, ({ text }) => text).join('');
}

describe('a conversation', () => {
  let model: TextModel;
  beforeAll(async () => {
    await useBackend('wasm');
    model = modelOf(chars);
  });

  it('goes on from each line as from all that was said, on a line of its own', () => {
    const conversation = new Conversation(model, options, 5);
    const first = reply(conversation, 'ab');
    expect(first).toBe(alone(model, 'ab', 12));
    reply(conversation, 'ba');
    const between = first.endsWith('\n') ? '' : '\n';
    expect(conversation.text.slice(0, -12)).toBe(`ab${first}${between}ba`);
    conversation.options = { ...options, greedy: true };
    const third = reply(conversation, 'b');
    const before = conversation.text.slice(0, -12);
    const all = model.tokenizer.encode(before);
    const expected = generate(
      ...([model.config, model.weights, chars, all, conversation.options] as const),
      new Random(1),
    );
    expect(third).toBe(Array.from(expected, ({ text }) => text).join(''));
    conversation.dispose();
  });

  it('goes on from an empty line as if it had not stopped', () => {
    const conversation = new Conversation(model, options, 5);
    const text = reply(conversation, 'ab') + reply(conversation, '') + reply(conversation, '');
    expect(text).toBe(alone(model, 'ab', 36));
    expect(conversation.text).toBe(`ab${text}`);
    conversation.dispose();
  });

  it('stopped early has the text so far, and goes on after it', () => {
    const conversation = new Conversation(model, options, 5);
    let text = '';
    for (const piece of conversation.reply('ab')) {
      text += piece.text;
      if (text.length === 4) break;
    }
    expect(conversation.text).toBe(`ab${text}`);
    expect(text + reply(conversation, '')).toBe(alone(model, 'ab', 16));
    conversation.dispose();
  });

  it('begins again after a reset, with the same seed or another', () => {
    const held = heldTensors();
    const conversation = new Conversation(model, options, 5);
    expect(conversation.state()).toBeUndefined();
    const first = reply(conversation, '');
    expect(first).toBe(alone(model, '', 12));
    conversation.reset();
    expect(conversation.text).toBe('');
    expect(reply(conversation, '')).toBe(first);
    conversation.reset();
    conversation.reseed(6);
    expect(conversation.seed).toBe(6);
    expect(reply(conversation, '')).not.toBe(first);
    conversation.dispose();
    expect(heldTensors()).toEqual(held);
  });

  it('goes on from the state of another one', () => {
    const conversation = new Conversation(model, options, 5);
    const first = reply(conversation, 'ab');
    const { text, random, seed } = conversation.state()!;
    const later = new Conversation(model, options, seed, {
      ...{ text, random: Random.fromState(random.state()) },
    });
    expect(first + reply(later, '')).toBe(alone(model, 'ab', 24));
    later.dispose();
    conversation.dispose();
  });

  it('shows what was held back for a stop text', () => {
    const stop = [`${'ab'.repeat(20)}`];
    const conversation = new Conversation(model, { ...options, stop }, 5);
    expect(reply(conversation, 'ab')).toBe(alone(model, 'ab', 12));
    conversation.dispose();
  });

  /** A reply left after four tokens, whose last are held back; all of its text. */
  function leaveHeld(conversation: Conversation): string {
    const made = alone(model, 'ab', 4);
    conversation.options = { ...options, stop: [made.slice(2) + 'ab'.repeat(20)] };
    let tokens = 0;
    for (const { id } of conversation.reply('ab')) {
      if (id !== undefined && ++tokens === 4) break;
    }
    expect(conversation.state()!.text.held).toContain(made.slice(2));
    return made;
  }

  it('stopped early shows what was held back when asked, or before what is said next', () => {
    for (const isAsked of [true, false]) {
      const conversation = new Conversation(model, options, 5);
      const made = leaveHeld(conversation);
      const between = made.endsWith('\n') ? '' : '\n';
      expect(conversation.promptOf('')).toBe('');
      if (isAsked) {
        expect(conversation.takeHeld()).toContain(made.slice(2));
        expect(conversation.text).toBe(`ab${made}`);
        expect(conversation.promptOf('ba')).toBe('ba');
      } else {
        expect(conversation.promptOf('ba')).toBe(`${conversation.state()!.text.held}${between}ba`);
      }
      const next = reply(conversation, 'ba');
      expect(conversation.text).toBe(`ab${made}${between}ba${next}`);
      expect(chars.decode(conversation.state()!.text.tokens)).toBe(conversation.text);
      conversation.dispose();
    }
  });

  it('stopped early holds it back for an empty line', () => {
    const conversation = new Conversation(model, options, 5);
    leaveHeld(conversation);
    conversation.options = { ...conversation.options, length: 8 };
    reply(conversation, '');
    expect(conversation.text).toBe(`ab${alone(model, 'ab', 12)}`);
    conversation.dispose();
  });

  it('says what a state held back before the first line', () => {
    const first = new Conversation(model, options, 5);
    const made = leaveHeld(first);
    const { text } = first.state()!;
    const later = new Conversation(model, first.options, 5, { text });
    const between = made.endsWith('\n') ? '' : '\n';
    expect(later.promptOf('ba')).toBe(`${text.held}${between}ba`);
    const next = reply(later, 'ba');
    expect(later.text).toBe(`${text.held}${between}ba${next}`);
    later.dispose();
    first.dispose();
  });

  it('adds no second line end where a stop text was one', () => {
    const stop = ['\n'];
    const conversation = new Conversation(model, { ...options, stop, length: 99 }, 5);
    const first = reply(conversation, 'ab');
    expect(conversation.text).toBe(`ab${first}`);
    const before = conversation.state()!.text.tokens;
    expect(chars.decode(before)).toBe(`ab${first}\n`);
    conversation.options = { ...options, length: 1 };
    reply(conversation, 'ba');
    expect(conversation.text.slice(0, -1)).toBe(`ab${first}\nba`);
    expect(chars.decode(conversation.state()!.text.tokens).slice(0, -1)).toBe(`ab${first}\nba`);
    conversation.dispose();
  });

  it('has no line ends where the model knows none', () => {
    const conversation = new Conversation(modelOf(oneLine), options, 5);
    reply(conversation, 'a');
    reply(conversation, 'b');
    expect(conversation.text).toHaveLength(1 + 12 + 1 + 12);
    conversation.dispose();
  });
});
