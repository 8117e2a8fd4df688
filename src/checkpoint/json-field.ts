/** Reads JSON that may be wrong into values of the types that are expected. */

import type { UserError } from '../errors.ts';
import { badField, isJsonObject, type JsonValue } from './json.ts';

/**
 * A place in a JSON file. Each method gives what is there if it is as expected, and otherwise throws a
 * UserError (`checkpoint-damaged`) that names the file and the place.
 */
export class JsonField {
  readonly #file: string;
  /** Such as `run.best.step`; empty for the whole file. */
  readonly #place: string;
  /** undefined: there is nothing. */
  readonly #value: JsonValue | undefined;

  constructor(file: string, value: JsonValue | undefined, place = '') {
    this.#file = file;
    this.#value = value;
    this.#place = place;
  }

  /** The field `name` of the object that is here. */
  get(name: string): JsonField {
    const value = this.#value;
    if (!isJsonObject(value)) throw this.bad('an object');
    const place = this.#place === '' ? name : `${this.#place}.${name}`;
    return new JsonField(this.#file, Object.hasOwn(value, name) ? value[name] : undefined, place);
  }

  /** What `read` gives for each element of the array that is here. */
  list<T>(read: (element: JsonField) => T): T[] {
    if (!Array.isArray(this.#value)) throw this.bad('an array');
    const elements: readonly JsonValue[] = this.#value;
    return elements.map((element, i) =>
      read(new JsonField(this.#file, element, `${this.#place}[${i}]`)),
    );
  }

  number({ min = Number.NEGATIVE_INFINITY }: { readonly min?: number } = {}): number {
    const value = this.#value;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < min) {
      throw this.bad(Number.isFinite(min) ? `a number at least ${min}` : 'a number');
    }
    return value;
  }

  /** A whole number, not negative. */
  count({ max = Number.MAX_SAFE_INTEGER }: { readonly max?: number } = {}): number {
    const value = this.#value;
    if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? 'at least 0' : `from 0 to ${max}`;
      throw this.bad(`a whole number ${range}`);
    }
    return value as number;
  }

  flag(): boolean {
    if (typeof this.#value !== 'boolean') throw this.bad('true or false');
    return this.#value;
  }

  /** @param pattern what the text must match, which `expected` says in words */
  text(pattern = /^/, expected = 'a text'): string {
    if (typeof this.#value !== 'string' || !pattern.test(this.#value)) throw this.bad(expected);
    return this.#value;
  }

  orNull<T>(read: (field: this) => T): T | null {
    return this.#value === null ? null : read(this);
  }

  /** Nothing here is undefined. */
  optional<T>(read: (field: this) => T): T | undefined {
    return this.#value === undefined ? undefined : read(this);
  }

  /** The error that says what should be here. */
  bad(expected: string): UserError {
    return badField(this.#file, this.#place, expected, this.#value);
  }
}
