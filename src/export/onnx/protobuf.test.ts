import { expect, test } from 'vitest';
import { Float32, type Message, message } from './protobuf.ts';

const hex = ({ pieces }: Message) => Buffer.concat(pieces).toString('hex');

test('messages are as the examples of the encoding’s documentation', () => {
  // protobuf.dev/programming-guides/encoding: Test1 { a: 150 }, Test2 { b: "testing" }, Test3 { c { a: 150 } }
  expect(hex(message([1, 150]))).toBe('089601');
  expect(hex(message([2, 'testing']))).toBe('120774657374696e67');
  expect(hex(message([3, message([1, 150])]))).toBe('1a03089601');
  expect(hex(message([1, -2]))).toBe('08feffffffffffffffff01');
});

test('fields of four bytes, of several elements, of large numbers and of none', () => {
  expect(hex(message([2, new Float32(1)]))).toBe('150000803f');
  expect(hex(message([1, [1, 2]], [5, undefined], [20, 7n]))).toBe('08010802a00107');
  expect(hex(message([9, Uint8Array.of(255, 0)]))).toBe('4a02ff00');
  expect(message([1, ''], [2, 2 ** 40]).byteLength).toBe(2 + 7);
});
