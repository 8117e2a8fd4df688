/** The rules of UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */

/**
 * The offset of the first byte of the first invalid sequence in `bytes`, or their length if all is
 * valid UTF-8.
 */
export function findInvalidUtf8(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i);
    if (length === 0) {
      return i;
    }
    i += length;
  }
  return bytes.length;
}

/**
 * How many bytes at the end of `bytes`, 0 to 3, begin a character that they do not end.
 *
 * They are counted by the first of them alone: whether the character is valid shows when it is whole.
 */
export function incompleteUtf8Length(bytes: Uint8Array): number {
  const length = bytes.length;
  for (let count = 1; count <= 3 && count <= length; count += 1) {
    const byte = bytes[length - count]!;
    if (byte >= 0xc0) {
      return utf8CharacterLength(byte) > count ? count : 0;
    }
    if (byte < 0x80) {
      return 0;
    }
  }
  return 0;
}

/** The length in bytes of a character that begins with `lead`. */
export function utf8CharacterLength(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** The length in bytes of the valid sequence at `start`, or 0 if it is invalid. */
function sequenceLength(bytes: Uint8Array, start: number): number {
  const lead = bytes[start]!;
  if (lead < 0x80) {
    return 1;
  }
  const length = utf8CharacterLength(lead);
  if (lead < 0xc2 || lead > 0xf4 || start + length > bytes.length) {
    return 0;
  }
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  const second = bytes[start + 1]!;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) {
    return 0;
  }
  for (let i = start + 2; i < start + length; i += 1) {
    if ((bytes[i]! & 0xc0) !== 0x80) {
      return 0;
    }
  }
  return length;
}
