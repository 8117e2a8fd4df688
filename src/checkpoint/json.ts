/** JSON in files: written so that it reads back the same, read as data that may be wrong. */

import { UserError } from '../errors.ts';

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

/**
 * The value in `bytes`, the content of the file `path`.
 *
 * Throws a UserError (`checkpoint-damaged`) unless it is UTF-8 JSON without a key `__proto__`, which
 * would set a prototype where the object is copied.
 */
export function decodeJson(bytes: Uint8Array, path: string): JsonValue {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return JSON.parse(text, (key, value) => {
      if (key === '__proto__') {
        throw new SyntaxError('the key __proto__ is not allowed');
      }
      return value;
    });
  } catch (error) {
    throw damaged(path, `expected JSON, found ${(error as Error).message}`, error);
  }
}

/** As `decodeJson`, for a file that holds an object. */
export function decodeJsonObject(bytes: Uint8Array, path: string): JsonObject {
  const value = decodeJson(bytes, path);
  if (!isJsonObject(value)) {
    throw damaged(path, `expected a JSON object, found ${show(value)}`);
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

/** A UserError about one field of a JSON file. */
export function badField(path: string, field: string, expected: string, found: unknown): UserError {
  return damaged(path, `expected "${field}" to be ${expected}, found ${show(found)}`);
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
}
