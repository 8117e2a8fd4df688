/** Reads JSON lines: each line is an object, and one of its fields is the text of a document. */

import { errorMessage, UserError } from '../errors.ts';
import { withLineFeeds } from './newlines.ts';
import type { Blocks } from './text-blocks.ts';
import type { TextChunk } from './text-chunk.ts';
import { describeSource } from './text-files.ts';
import { LineCutter } from './text-lines.ts';

export interface JsonLinesOptions {
  /** How messages name the file. */
  readonly name: string;
  /** The field that holds the text. */
  readonly field: string;
  readonly newlines: 'keep' | 'lf';
}

const LONGEST_LINE_MIB = 64;
/** UTF-16 code units of a document that make a chunk. */
const CHUNK_LENGTH = 2 ** 19;
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Names of fields that a message lists. */
const LISTED_FIELDS = 8;

/** Whether a file is read as JSON lines, by its name. */
export function isJsonLines(path: string): boolean {
  return /\.(jsonl|ndjson)(\.gz)?$/i.test(path);
}

/**
 * The documents of a file whose text comes in `pieces` of UTF-8. Lines and texts of nothing but white
 * space are left out.
 *
 * Throws a UserError `corpus-json` naming the line that holds no text, and why.
 */
export async function* readJsonLines(
  pieces: Blocks,
  options: JsonLinesOptions,
): AsyncGenerator<TextChunk, void, undefined> {
  let number = 0;
  for await (const line of readLines(pieces, options.name)) {
    number += 1;
    const text = line.trim() === '' ? '' : parseDocument(line, number, options);
    if (text.trim() === '') {
      continue;
    }
    for (let start = 0; start < text.length; ) {
      const end = chunkEnd(text, start);
      yield { bytes: Buffer.from(text.slice(start, end)), startsDocument: start === 0 };
      start = end;
    }
  }
}

/** Where a chunk of `text` from `start` on ends: not within a surrogate pair. */
function chunkEnd(text: string, start: number): number {
  const end = start + CHUNK_LENGTH;
  if (end >= text.length) {
    return text.length;
  }
  const isLow = (text.charCodeAt(end) & 0xfc00) === 0xdc00;
  return isLow ? end - 1 : end;
}

/** The lines of a text, without their ends. */
async function* readLines(pieces: Blocks, name: string): AsyncGenerator<string, void, undefined> {
  const longest = LONGEST_LINE_MIB * 2 ** 20;
  const cutter = new LineCutter(longest, (line) => tooLong(name, line));
  for await (const piece of pieces) {
    for (const line of cutter.write(piece)) yield textOf(line);
  }
  for (const line of cutter.end()) yield textOf(line);
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}

/** The text that a line holds. */
function parseDocument(line: string, number: number, options: JsonLinesOptions): string {
  const { name, field, newlines } = options;
  const failure = (expected: string, found: string, hint: string, cause?: unknown) =>
    new UserError(
      'corpus-json',
      `${describeSource(name)}, line ${number}: expected ${expected}, found ${found}`,
      hint,
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw failure(
      'a JSON object',
      `what is not JSON: ${errorMessage(error)}`,
      'Mend the line; a file of plain text needs another name than .jsonl or .ndjson.',
      error,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const hint = `Make each line an object, such as {"${field}": "…"}.`;
    throw failure('a JSON object', kindOf(value), hint);
  }
  if (!Object.hasOwn(value, field)) {
    throw failure(`the field ${field}`, 'none of that name', fieldHint(value));
  }
  const text = (value as Record<string, unknown>)[field];
  if (typeof text !== 'string') {
    throw failure(`a string in the field ${field}`, kindOf(text), fieldHint(value));
  }
  const lone = LONE_SURROGATE.exec(text);
  if (lone) {
    throw failure(
      `characters in the field ${field}`,
      `half a surrogate pair (\\u${lone[0].charCodeAt(0).toString(16)} at position ${lone.index})`,
      'Give the pair whole, or leave the half out.',
    );
  }
  return newlines === 'lf' ? withLineFeeds(text) : text;
}

function fieldHint(value: object): string {
  const fields = Object.entries(value).flatMap(([key, held]) =>
    typeof held === 'string' ? [key] : [],
  );
  if (fields.length === 0) {
    return 'Name the field that holds the text with --text-field; no field of this line holds a string.';
  }
  const listed = fields.slice(0, LISTED_FIELDS).join(', ');
  const more = fields.length > LISTED_FIELDS ? ', …' : '';
  return `Name the field that holds the text with --text-field: this line has ${listed}${more}.`;
}

function kindOf(value: unknown): string {
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value === 'object'
        ? 'an object'
        : typeof value === 'boolean'
          ? String(value)
          : `a ${typeof value}`;
}

function tooLong(name: string, number: number): UserError {
  return new UserError(
    'corpus-json',
    `${describeSource(name)}, line ${number}: expected a line of at most ${LONGEST_LINE_MIB} MiB, ` +
      'found a longer one',
    'Divide its text among several lines; a file of plain text needs another name than .jsonl or ' +
      '.ndjson.',
  );
}
