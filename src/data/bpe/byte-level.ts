/**
 * How tokenizer.json writes tokens that are bytes: each byte as one character that can be seen, as in
 * GPT-2. Bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and on.
 */

/** The bytes in the order of their characters: the order of their ids in a vocabulary made by training. */
export const ALPHABET: Uint8Array = alphabet();

const CHARACTERS: readonly string[] = characters();
const BYTES: ReadonlyMap<string, number> = new Map(CHARACTERS.map((c, byte) => [c, byte]));

/** `bytes` as tokenizer.json writes them. */
export function writeBytes(bytes: Uint8Array): string {
  let written = '';
  for (const byte of bytes) {
    written += CHARACTERS[byte];
  }
  return written;
}

/** The bytes of a token that {@link writeBytes} wrote; undefined: it wrote no such token. */
export function readBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i += 1) {
    const byte = BYTES.get(token[i]!);
    if (byte === undefined) {
      return undefined;
    }
    bytes[i] = byte;
  }
  return bytes;
}

function isPrintable(byte: number): boolean {
  return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
}

function alphabet(): Uint8Array {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return Uint8Array.from([...bytes.filter(isPrintable), ...bytes.filter((b) => !isPrintable(b))]);
}

function characters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    if (isPrintable(byte)) {
      return String.fromCharCode(byte);
    }
    next += 1;
    return String.fromCharCode(next - 1);
  });
}
