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

/** A text and its tokens. */
export interface SizedText {
  readonly part: TokenizedPart;
  /** The text itself, as often as asked. */
  readonly chunks: () => TextChunks;
}

/** Tokens that tell what the first one is of the first word. */
const HEAD = 64;

/**
 * What is scored of a text that is cut into `streams` of equal length: all but the first token of each
 * and the tokens that are left at the end.
 *
 * Characters and bytes are the text's but for those of tokens that are not scored. Words are those of
 * the scored text as it stands, stream by stream: a word of which the beginning is not scored counts.
 * An unknown token is one of the characters, bytes and words that its name has, so that of a text of
 * hardly more than that, less than nothing may be left. Words are counted in what the tokens are decoded to, but in
 * the text itself where white space is lost on that way. Of several streams the former has to do.
 */
export async function scoredSize(
  { part, chunks }: SizedText,
  tokenizer: Tokenizer,
  { streams = 1, signal }: { streams?: number; signal?: AbortSignal | undefined } = {},
): Promise<TextSize> {
  const { sequence } = part;
  const length = Math.floor(sequence.length / streams);
  const size = { characters: part.characters, bytes: part.bytes, words: 0 };
  const leaveOut = (start: number, count: number) => {
    const text = tokenizer.decodeBytes(idsOf(sequence, start, count));
    size.characters -= countCharacters(text);
    size.bytes -= text.length;
  };
  const isDecoded = streams > 1 || keepsSpaces(part, tokenizer);
  for (let stream = 0; stream < streams; stream++) {
    if (length === 0) break;
    leaveOut(stream * length, 1);
    if (!isDecoded) continue;
    const scored = sliceOf(sequence, stream * length + 1, length - 1);
    size.words += await wordsOf(scored, tokenizer, signal);
  }
  leaveOut(streams * length, sequence.length - streams * length);
  if (!isDecoded && length > 0) {
    const all = (await wordsOfText(chunks())) + (await documentEnds(sequence, tokenizer, signal));
    size.words = all - (await wordsOfFirst(sequence, tokenizer));
  }
  return size;
}

/** Whether the words of a text are those of what its tokens are decoded to. */
function keepsSpaces({ unknown }: TokenizedPart, tokenizer: Tokenizer): boolean {
  const { kind } = tokenizer;
  // Between white space, a word is one also where it is unknown; other unknown tokens may have been white space.
  if (kind === 'word' && tokenizer.toJSON().wordSplit === undefined) return true;
  return kind !== 'file' && unknown === 0;
}

function idsOf(sequence: TokenSequence, start: number, count: number): Int32Array {
  const ids = new Int32Array(count);
  sequence.read(start, ids);
  return ids;
}

/** The words and line ends of a text. */
async function wordsOfText(chunks: TextChunks): Promise<number> {
  const counted = new WordCount();
  // What is read as raw bytes may be cut within a character.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const endDocument = () => {
    counted.write(Buffer.from(decoder.decode()));
    counted.end();
  };
  for await (const { bytes, startsDocument } of chunks) {
    if (startsDocument) endDocument();
    counted.write(Buffer.from(decoder.decode(bytes, { stream: true })));
  }
  endDocument();
  return counted.words + counted.lineEnds;
}

async function documentEnds(
  sequence: TokenSequence,
  { endOfTextId }: Tokenizer,
  signal: AbortSignal | undefined,
): Promise<number> {
  let ends = 0;
  if (endOfTextId === undefined) return ends;
  for await (const ids of blocksOf(sequence, { signal })) {
    for (const id of ids) if (id === endOfTextId) ends += 1;
  }
  return ends;
}

/** 1 if the first token is a whole word, or the end of a line or a document; otherwise 0. */
async function wordsOfFirst(sequence: TokenSequence, tokenizer: Tokenizer): Promise<number> {
  const head = sliceOf(sequence, 0, Math.min(sequence.length, HEAD));
  const rest = sliceOf(head, 1, head.length - 1);
  return (await wordsOf(head, tokenizer)) - (await wordsOf(rest, tokenizer));
}

/** The words, line ends and ends of documents that tokens are decoded to. */
async function wordsOf(
  sequence: TokenSequence,
  tokenizer: Tokenizer,
  signal?: AbortSignal,
): Promise<number> {
  const counted = new WordCount();
  const decoder = tokenizer.decoder();
  let documents = 0;
  for await (const ids of blocksOf(sequence, { signal })) {
    let text = '';
    for (const id of ids) {
      // The spaces before words may be parts of their tokens, and gone with a word that is unknown.
      if (id === tokenizer.unknownId && tokenizer.kind === 'word') text += ' ';
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
