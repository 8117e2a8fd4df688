/** JSON objects that hold their own SHA-256, so that no change of a file goes unnoticed. */

import { createHash } from 'node:crypto';
import { badField, encodeJson, type JsonObject } from './json.ts';

/** `json` as UTF-8 JSON text, with the SHA-256 of the text without it as the last field, `sha256`. */
export function encodeSealed(json: JsonObject, name: string): Uint8Array {
  const sha256 = createHash('sha256').update(encodeJson(json, name)).digest('hex');
  return encodeJson({ ...json, sha256 }, name);
}

/**
 * Makes sure that `json`, decoded from `bytes`, the content of the file `path`, is to the byte what
 * `encodeSealed` gave; throws a UserError (`checkpoint-damaged`) otherwise.
 */
export function assertSealed(json: JsonObject, bytes: Uint8Array, path: string): void {
  const { sha256, ...content } = json;
  const expected = encodeSealed(content, path);
  if (Buffer.compare(expected, bytes) !== 0) {
    throw badField(path, 'sha256', 'that of the rest of the file', sha256);
  }
}
