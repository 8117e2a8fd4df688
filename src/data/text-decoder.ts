/** Turns the bytes of files into UTF-8. Text is strict: a damaged character would be learnt. */

import { isUtf8 } from 'node:buffer';
import { UserError } from '../errors.ts';
import { invalidText, strictDecoder } from './invalid-text.ts';
import type { Blocks } from './text-blocks.ts';
import { describeSource } from './text-files.ts';
import { incompleteUtf8Length, utf8CharacterLength } from './utf8.ts';

/** The byte-order marks, longest first. */
const BYTE_ORDER_MARKS: readonly [mark: Buffer, encoding: string][] = [
  [Buffer.from([0xff, 0xfe, 0, 0]), 'utf-32'],
  [Buffer.from([0, 0, 0xfe, 0xff]), 'utf-32'],
  [Buffer.from([0xff, 0xfe]), 'utf-16le'],
  [Buffer.from([0xfe, 0xff]), 'utf-16be'],
];
const LONGEST_MARK = 4;
/** As many first bytes tell whether a text without a mark looks like UTF-16, or all of a shorter text. */
const LOOKED_AT = 32;
/** Fewer say nothing. */
const LEAST_LOOKED_AT = 4;
/** U+FEFF in UTF-8. */
const MARK = Buffer.from('\ufeff');

/**
 * The canonical name of `encoding`.
 *
 * Throws a UserError (`usage`) for one that TextDecoder does not know.
 */
export function canonicalEncoding(encoding: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).encoding;
  } catch (error) {
    throw new UserError(
      'usage',
      `--encoding: expected the name of an encoding, found ${encoding}`,
      'Some that are known: utf-8, utf-16le, windows-1252 (or latin1), iso-8859-15, ' +
        'windows-1251, koi8-r, shift_jis, euc-jp, euc-kr, gb18030, big5.',
      { cause: error },
    );
  }
}

/**
 * The text of the file that `open` reads from its beginning, in UTF-8 cut between characters and
 * without a byte-order mark.
 *
 * `encoding` is a canonical name; without one the file is UTF-8, or UTF-16 if its byte-order mark
 * says so. Throws a UserError `corpus-encoding` that tells where the bytes are no text, or that they look
 * like UTF-16 where neither an encoding nor a mark says so.
 */
export async function* decodeText(
  open: () => Blocks,
  name: string,
  encoding: string | undefined,
): Blocks {
  const blocks = open();
  let found = encoding ?? 'utf-8';
  try {
    const head = await takeHead(blocks);
    found = chooseEncoding(head, encoding);
    assertKnown(found, name);
    const text = found === 'utf-8' ? checkUtf8 : transcode;
    let begins = true;
    const all = continued(head, blocks);
    const looked = encoding === undefined && found === 'utf-8' ? refuseUtf16(all, name) : all;
    for await (const piece of text(looked, found)) {
      // The mark is one character, and so whole in the first piece.
      const marked = begins && piece.subarray(0, MARK.length).equals(MARK);
      begins = false;
      if (!marked) {
        yield piece;
      } else if (piece.length > MARK.length) {
        yield piece.subarray(MARK.length);
      }
    }
  } catch (error) {
    throw error instanceof InvalidBlock
      ? await invalidText(open(), name, found, error.offset)
      : error;
  } finally {
    await blocks.return(undefined);
  }
}

/** The first bytes: as few as tell whether they are a mark, so that text that comes slowly is not held up. */
async function takeHead(blocks: Blocks): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < LONGEST_MARK && mayBeMark(head)) {
    const { value, done } = await blocks.next();
    if (done) {
      break;
    }
    head = Buffer.concat([head, value]);
  }
  return head;
}

function mayBeMark(head: Buffer): boolean {
  return BYTE_ORDER_MARKS.some(([mark]) =>
    mark.subarray(0, head.length).equals(head.subarray(0, mark.length)),
  );
}

async function* continued(head: Buffer, blocks: Blocks): Blocks {
  if (head.length > 0) {
    yield head;
  }
  yield* blocks;
}

/** A mark decides where no encoding is given, and between the two kinds of UTF-16. */
function chooseEncoding(head: Buffer, given: string | undefined): string {
  if (given !== undefined && !given.startsWith('utf-16')) {
    return given;
  }
  const marked = BYTE_ORDER_MARKS.find(([mark]) => head.subarray(0, mark.length).equals(mark));
  return marked?.[1] ?? given ?? 'utf-8';
}

/**
 * Passes on what does not look like UTF-16. Latin letters in UTF-16 are UTF-8 too, with a NUL beside each, and a
 * model would learn them like that. Blocks are not held back until enough is known: the text may come slowly.
 */
async function* refuseUtf16(blocks: Blocks, name: string): Blocks {
  let first = Buffer.alloc(0);
  for await (const block of blocks) {
    if (first.length < LOOKED_AT) {
      first = Buffer.concat([first, block.subarray(0, LOOKED_AT - first.length)]);
      if (first.length === LOOKED_AT) assertNotUtf16(first, name);
    }
    yield block;
  }
  if (first.length < LOOKED_AT) assertNotUtf16(first, name);
}

/** Throws a UserError where every second one of the first bytes is a NUL, and no other. */
function assertNotUtf16(first: Buffer, name: string): void {
  if (first.length < LEAST_LOOKED_AT || first.length % 2 !== 0) return;
  const nulsAreAt = (place: 0 | 1) => first.every((byte, i) => (byte === 0) === (i % 2 === place));
  const encoding = nulsAreAt(1) ? 'utf-16le' : nulsAreAt(0) ? 'utf-16be' : undefined;
  if (encoding === undefined) return;
  throw new UserError(
    'corpus-encoding',
    `${describeSource(name)}: expected UTF-8 text, found what looks like UTF-16 without a byte-order mark: ` +
      'every second byte is 0',
    `Name its encoding: --encoding ${encoding}; or --encoding utf-8, if the NULs are part of the text.`,
  );
}

function assertKnown(encoding: string, name: string): void {
  if (encoding === 'utf-32') {
    throw new UserError(
      'corpus-encoding',
      `${describeSource(name)}: expected UTF-8 or UTF-16 text, found the byte-order mark of UTF-32`,
      'Convert it, for example: iconv -f UTF-32 -t UTF-8 INPUT > OUTPUT',
    );
  }
}

/** Thrown where bytes are no text: somewhere in the block that begins at `offset`, or after it. */
class InvalidBlock {
  readonly offset: number;

  constructor(offset: number) {
    this.offset = offset;
  }
}

/** Passes UTF-8 on; a character that is cut by the end of a block becomes a piece of its own. */
async function* checkUtf8(blocks: Blocks): Blocks {
  let offset = 0;
  const cut = Buffer.alloc(4);
  let cutLength = 0;
  for await (const block of blocks) {
    let start = 0;
    if (cutLength > 0) {
      start = Math.min(utf8CharacterLength(cut[0]!) - cutLength, block.length);
      block.copy(cut, cutLength, 0, start);
      cutLength += start;
      if (cutLength < utf8CharacterLength(cut[0]!)) {
        continue;
      }
      const character = Buffer.from(cut.subarray(0, cutLength));
      if (!isUtf8(character)) {
        throw new InvalidBlock(offset);
      }
      yield character;
      offset += cutLength;
    }
    const rest = block.subarray(start);
    cutLength = incompleteUtf8Length(rest);
    const whole = rest.subarray(0, rest.length - cutLength);
    rest.copy(cut, 0, whole.length);
    if (!isUtf8(whole)) {
      throw new InvalidBlock(offset);
    }
    if (whole.length > 0) {
      yield whole;
    }
    offset += whole.length;
  }
  if (cutLength > 0) {
    throw new InvalidBlock(offset);
  }
}

async function* transcode(blocks: Blocks, encoding: string): Blocks {
  const decode = strictDecoder(encoding);
  let offset = 0;
  for await (const block of blocks) {
    const text = decode(block);
    if (text === undefined) {
      throw new InvalidBlock(offset);
    }
    if (text !== '') {
      yield Buffer.from(text);
    }
    offset += block.length;
  }
  if (decode() === undefined) {
    throw new InvalidBlock(offset);
  }
}
