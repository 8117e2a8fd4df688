/** How much text tokens stand for, for the figures that are not per token. */
import type { TokenizedPart } from '../data/dataset.ts';
import { countCharacters } from '../data/measure-text.ts';
import type { TextChunks } from '../data/text-chunk.ts';
import { textLines } from '../data/text-lines.ts';
import { blocksOf, sliceOf, type TokenSequence } from '../data/token-sequence.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { WordCount } from '../data/word-count.ts';

export interface TextSize {
  /** Characters (code points). */
  characters: number;
  /** UTF-8 bytes. */
  bytes: number;
  /** Words between white space, line ends, and ends of documents that are tokens. */
  words: number;
}

/**
 * What is scored of a text that is cut into `streams` of equal length: all but the first token of each
 * and the tokens that are left at the end.
 *
 * Characters and bytes are the text's but for those of tokens that are not scored. Words are those of
 * the scored text as it stands, stream by stream: a word of which the beginning is not scored counts.
 * An unknown token is one of the characters, bytes and words that its name has, so that of a text of
 * hardly more than that, less than nothing may be left.
 */
export async function scoredSize(
  part: TokenizedPart,
  tokenizer: Tokenizer,
  { streams = 1, signal }: { streams?: number; signal?: AbortSignal | undefined } = {},
): Promise<TextSize> {
  const { sequence } = part;
  const length = Math.floor(sequence.length / streams);
  const size = { characters: part.characters, bytes: part.bytes, words: 0 };
  const leaveOut = (start: number, count: number) => {
    const ids = new Int32Array(count);
    sequence.read(start, ids);
    const text = tokenizer.decodeBytes(ids);
    size.characters -= countCharacters(text);
    size.bytes -= text.length;
  };
  for (let stream = 0; stream < streams; stream++) {
    if (length === 0) break;
    leaveOut(stream * length, 1);
    size.words += await wordsOf(sequence, tokenizer, stream * length + 1, length - 1, signal);
  }
  leaveOut(streams * length, sequence.length - streams * length);
  return size;
}

/** The words, line ends and ends of documents of the `count` tokens from `start` on. */
async function wordsOf(
  sequence: TokenSequence,
  tokenizer: Tokenizer,
  start: number,
  count: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const counted = new WordCount();
  const decoder = tokenizer.decoder();
  let documents = 0;
  for await (const ids of blocksOf(sliceOf(sequence, start, count), { signal })) {
    let text = '';
    for (const id of ids) {
      text += decoder.push(id);
      if (id !== tokenizer.endOfTextId) continue;
      counted.write(Buffer.from(text));
      counted.end();
      documents += 1;
      text = '';
    }
    counted.write(Buffer.from(text));
  }
  counted.write(Buffer.from(decoder.end()));
  counted.end();
  return counted.words + counted.lineEnds + documents;
}

/** What is scored of a text whose lines are scored each by itself: all of it, and the end of each line. */
export async function sizeOfLines(chunks: TextChunks): Promise<TextSize & { lines: number }> {
  const size = { characters: 0, bytes: 0, words: 0, lines: 0 };
  const counted = new WordCount();
  for await (const lines of textLines(chunks)) {
    for (const line of lines) {
      size.lines += 1;
      size.characters += countCharacters(line) + 1;
      size.bytes += line.length + 1;
      counted.write(line);
      counted.end();
    }
  }
  size.words = counted.words + size.lines;
  return size;
}
