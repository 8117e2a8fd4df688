/**
 * TFRecord, the framing of TensorBoard's files: for each record its length, eight bytes, and what it holds, each
 * followed by its masked CRC-32C, all little-endian
 * (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/io/record_writer.h).
 */

/** CRC-32C (Castagnoli), RFC 3720 appendix B.4: bits reflected, of the polynomial 0x1EDC6F41. */
const REFLECTED_POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ REFLECTED_POLYNOMIAL : crc >>> 1;
  return crc >>> 0;
});

/** The CRC-32C of `bytes`, a whole number from 0 to 2³² − 1. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Turned and moved on, so that the CRC of what has CRCs in it is no CRC of zero. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** `data` as a record. */
export function framed(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(8 + 4 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(masked(crc32c(record.subarray(0, 8))), 8);
  record.set(data, 12);
  record.writeUInt32LE(masked(crc32c(data)), 12 + data.length);
  return record;
}
