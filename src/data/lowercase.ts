/**
 * Lowercase by code points alone: the final sigma, which depends on what stands around it, becomes σ
 * as every other one, so that text cut into pieces gives what the whole gives.
 */

/** `text` in lowercase. */
export function toLowercase(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}

/** The UTF-8 text `bytes`, cut between characters, in lowercase. */
export function lowercaseUtf8(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(toLowercase(Buffer.from(buffer, byteOffset, byteLength).toString()));
}
