import { describe, expect, test } from 'vitest';
import { encodeVersion } from './event.ts';
import { crc32c, framed } from './records.ts';

describe('crc32c', () => {
  /** RFC 3720 B.4, and the check value of the catalogue of CRCs. */
  test.for([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ] as const)('of %s', ([, bytes, expected]) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

test('a record is framed as those of TensorFlow are', () => {
  // The first record of each of its files has 24 bytes: a time, and the version.
  const record = Buffer.from(framed(encodeVersion(1.5)));
  expect(record.length).toBe(8 + 4 + 24 + 4);
  expect(record.subarray(0, 12).toString('hex')).toBe('1800000000000000a37f4b22');
  expect(record.subarray(12, 36).toString('hex')).toBe(
    `09000000000000f83f1a0d${Buffer.from('brain.Event:2').toString('hex')}`,
  );
});
