/** White space is what `\s` of a regular expression has it to be. */

/** Whether a UTF-16 code unit is white space. */
export function isWhiteSpace(code: number): boolean {
  if (code < 0x80) {
    return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  }
  return (
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}

/** Not 0 for the bytes with which white space begins in UTF-8, though not only white space. */
export const WHITE_SPACE_LEADS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x80 && isWhiteSpace(byte)) || [0xc2, 0xe1, 0xe2, 0xe3, 0xef].includes(byte) ? 1 : 0,
);

/** The length of the UTF-8 white-space character at `index` of `bytes`; 0: another character is there. */
export function whiteSpaceBytes(bytes: Uint8Array, index: number): number {
  const lead = bytes[index]!;
  if (lead < 0x80) {
    return isWhiteSpace(lead) ? 1 : 0;
  }
  const second = bytes[index + 1]!;
  if (lead === 0xc2) {
    return second === 0xa0 ? 2 : 0;
  }
  const third = bytes[index + 2]!;
  if (WHITE_SPACE_LEADS[lead] === 0 || (second & 0xc0) !== 0x80 || (third & 0xc0) !== 0x80) {
    return 0;
  }
  const code = ((lead & 0xf) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
  return isWhiteSpace(code) ? 3 : 0;
}
