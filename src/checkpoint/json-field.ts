/** Reads JSON that may be wrong into values of the types that are expected. */

import { isUtf8 } from 'node:buffer';
import type { UserError } from '../errors.ts';
import { badField, damaged, type JsonValue } from './json.ts';
import { elementsOf, findValue, membersOf, type Range } from './json-scanner.ts';

/** A value that is longer as a text is not shown in messages. */
const LONGEST_SHOWN = 1000;
/** Of a single value; a path that a command line can hold is shorter, even where all is escaped. */
const LONGEST_VALUE = 2 ** 20;
/** What a character may take as an escape. */
const ESCAPE_LENGTH = 6;

/** A text that is JSON, and the file that it is from. */
interface JsonText {
  readonly file: string;
  readonly bytes: Buffer;
}

/**
 * A place in a JSON file. Each method gives what is there if it is as expected, and otherwise throws a
 * UserError (`checkpoint-damaged`) that names the file and the place. What is not asked for is never made
 * a value, so that a file takes no memory but its own and that of what is read from it.
 */
export class JsonField {
  readonly #text: JsonText;
  /** Such as `run.best.step`; empty for the whole file. */
  readonly #place: string;
  /** undefined: there is nothing. */
  readonly #range: Range | undefined;

  private constructor(text: JsonText, range: Range | undefined, place: string) {
    this.#text = text;
    this.#range = range;
    this.#place = place;
  }

  /** All that is in `bytes`, the content of `file`; throws a UserError unless they are UTF-8 JSON. */
  static ofFile(bytes: Uint8Array, file: string): JsonField {
    if (!isUtf8(bytes)) throw damaged(file, 'expected JSON, found bytes that are not UTF-8');
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      return new JsonField({ file, bytes: buffer }, findValue(buffer), '');
    } catch (error) {
      throw damaged(file, `expected JSON, found ${(error as SyntaxError).message}`, error);
    }
  }

  /** The field `name` of the object that is here. */
  get(name: string): JsonField {
    if (this.#range === undefined || this.#first !== '{') throw this.bad('an object');
    let found: Range | undefined;
    for (const [key, value] of membersOf(this.#text.bytes, this.#range)) {
      const mayBe = key.end - key.start - 2 <= ESCAPE_LENGTH * name.length;
      // As others read it, the last of several of a name counts.
      if (mayBe && this.#parse(key) === name) found = value;
    }
    return new JsonField(this.#text, found, this.#place === '' ? name : `${this.#place}.${name}`);
  }

  /** What `read` gives for each element of the array that is here, of `length` if that is given. */
  list<T>(read: (element: JsonField) => T, length?: number): T[] {
    if (this.#range === undefined || this.#first !== '[') throw this.bad('an array');
    const { bytes } = this.#text;
    if (length !== undefined && count(elementsOf(bytes, this.#range)) !== length) {
      throw this.bad(`an array of ${length}`);
    }
    const values: T[] = [];
    for (const range of elementsOf(bytes, this.#range)) {
      values.push(read(new JsonField(this.#text, range, `${this.#place}[${values.length}]`)));
    }
    return values;
  }

  number({ min = Number.NEGATIVE_INFINITY }: { readonly min?: number } = {}): number {
    const value = this.#scalar();
    if (typeof value !== 'number' || !Number.isFinite(value) || value < min) {
      throw this.bad(Number.isFinite(min) ? `a number at least ${min}` : 'a number');
    }
    return value;
  }

  /** A whole number, not negative. */
  count({ max = Number.MAX_SAFE_INTEGER }: { readonly max?: number } = {}): number {
    const value = this.#scalar();
    if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? 'at least 0' : `from 0 to ${max}`;
      throw this.bad(`a whole number ${range}`);
    }
    return value as number;
  }

  flag(): boolean {
    const value = this.#scalar();
    if (typeof value !== 'boolean') throw this.bad('true or false');
    return value;
  }

  /** @param pattern what the text must match, which `expected` says in words */
  text(pattern = /^/, expected = 'a text'): string {
    const value = this.#scalar();
    if (typeof value !== 'string' || !pattern.test(value)) throw this.bad(expected);
    return value;
  }

  orNull<T>(read: (field: this) => T): T | null {
    return this.#first === 'n' ? null : read(this);
  }

  /** Nothing here is undefined. */
  optional<T>(read: (field: this) => T): T | undefined {
    return this.#range === undefined ? undefined : read(this);
  }

  /** The error that says what should be here. */
  bad(expected: string): UserError {
    return badField(this.#text.file, this.#place, expected, this.#shown());
  }

  /** The first character of what is here, by which its kind is known. */
  get #first(): string | undefined {
    return this.#range && String.fromCharCode(this.#text.bytes[this.#range.start]!);
  }

  /** What is here, unless it is an array or object. */
  #scalar(): JsonValue | undefined {
    const isContainer = this.#first === '{' || this.#first === '[';
    if (this.#range === undefined || isContainer) return undefined;
    const { start, end } = this.#range;
    if (end - start > LONGEST_VALUE) throw this.bad(`at most ${LONGEST_VALUE} bytes long`);
    return this.#parse(this.#range);
  }

  #shown(): JsonValue | undefined {
    if (this.#range === undefined) return undefined;
    const { start, end } = this.#range;
    if (end - start <= LONGEST_SHOWN) return this.#parse(this.#range);
    return this.#first === '[' ? ['…'] : this.#first === '{' ? {} : '…';
  }

  #parse({ start, end }: Range): JsonValue {
    return JSON.parse(this.#text.bytes.toString('utf8', start, end)) as JsonValue;
  }
}

function count(items: Iterable<unknown>): number {
  let number = 0;
  for (const _ of items) number += 1;
  return number;
}
