/** JSON in files: written so that it reads back the same, read as data that may be wrong. */

import { errorMessage, quoted, showValue, UserError } from '../errors.ts';
import { assertModest } from './json-size.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * `value` as UTF-8 JSON text.
 *
 * Throws a TypeError that names the place of what JSON cannot hold: it would be changed without a
 * word (NaN to null, undefined to nothing).
 */
export function encodeJson(value: unknown, name: string): Uint8Array {
  assertJson(value, name);
  return Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
}

function assertJson(value: unknown, place: string): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return;
  }
  if (typeof value === 'number' && Number.isFinite(value)) {
    return;
  }
  if (Array.isArray(value)) {
    for (const [i, element] of value.entries()) {
      assertJson(element, `${place}[${i}]`);
    }
    return;
  }
  if (isJsonObject(value)) {
    for (const [key, element] of Object.entries(value)) {
      assertJson(element, `${place}.${key}`);
    }
    return;
  }
  throw new TypeError(`expected a value that JSON can hold at ${place}, found ${String(value)}`);
}

/** What a JSON file is, beside JSON. */
export interface JsonRules {
  /** Whether keys are tokens, one of which may be `__proto__`. Default false. */
  readonly keysAreTokens?: boolean | undefined;
}

/**
 * The value in `bytes`, the content of the file `path`.
 *
 * Throws a UserError (`checkpoint-damaged`) unless it is UTF-8 JSON that takes no more memory than a
 * file of its length should (see `assertModest`), has only numbers that a double can hold, and no key
 * `__proto__`, which would set a prototype where an object is copied key by key.
 */
export function decodeJson(
  bytes: Uint8Array,
  path: string,
  { keysAreTokens = false }: JsonRules = {},
): JsonValue {
  assertModest(bytes, path);
  let value: JsonValue;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
  } catch (error) {
    // What JSON.parse says has some of the text in it.
    const found = errorMessage(error)
      .replace(/\p{C}+/gu, ' ')
      .slice(0, LONGEST_SHOWN);
    throw damaged(path, `expected JSON, found ${found}`, error);
  }
  const unfit = findUnfit(value, keysAreTokens);
  if (unfit !== undefined) {
    throw badField(path, unfit.place, unfit.expected, unfit.found);
  }
  return value;
}

/** As `decodeJson`, for a file that holds an object. */
export function decodeJsonObject(bytes: Uint8Array, path: string, rules?: JsonRules): JsonObject {
  const value = decodeJson(bytes, path, rules);
  if (!isJsonObject(value)) {
    throw damaged(path, `expected a JSON object, found ${showValue(value)}`);
  }
  return value;
}

/** Whether `value` is an object that is neither null, an array nor of a class of its own. */
export function isJsonObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A UserError about a file of a checkpoint whose content is wrong. */
export function damaged(path: string, message: string, cause?: unknown): UserError {
  return new UserError(
    'checkpoint-damaged',
    `${path}: ${message}`,
    'The file is damaged: use another checkpoint, or train again.',
    cause === undefined ? undefined : { cause },
  );
}

/** A UserError about one field of a JSON file; no name: about the whole value. */
export function badField(path: string, field: string, expected: string, found: unknown): UserError {
  const what = field === '' ? expected : `${quoted(field, LONGEST_SHOWN)} to be ${expected}`;
  return damaged(path, `expected ${what}, found ${showValue(found)}`);
}

const LONGEST_SHOWN = 160;

interface Unfit {
  /** Such as `run.best` or `[3].step`. */
  readonly place: string;
  readonly expected: string;
  readonly found: unknown;
}

/** The first thing in `value` that `decodeJson` does not allow. */
function findUnfit(value: JsonValue, anyKey: boolean): Unfit | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { place: '', expected: 'a number that a double can hold', found: value };
  }
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const unfit = findUnfit(value[i], anyKey);
      if (unfit !== undefined) return within(`[${i}]`, unfit);
    }
    return undefined;
  }
  for (const [key, element] of Object.entries(value)) {
    const unfit =
      key === '__proto__' && !anyKey
        ? { place: '', expected: 'absent', found: element }
        : findUnfit(element, anyKey);
    if (unfit !== undefined) return within(key, unfit);
  }
  return undefined;
}

function within(place: string, { place: rest, ...unfit }: Unfit): Unfit {
  return {
    ...unfit,
    place: rest === '' || rest.startsWith('[') ? place + rest : `${place}.${rest}`,
  };
}
