import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import type { TensorMap } from '../tensor-data.ts';
import { decodeSafetensors } from './safetensors.ts';
import { encodeSafetensors } from './safetensors-writer.ts';

/**
 * What Python's safetensors writes, from:
 *
 *     import base64, numpy
 *     from safetensors.numpy import save
 *     tensors = {
 *         "b": numpy.arange(6, dtype="float32").reshape(2, 3) / 2,
 *         "a": numpy.array(-1.5, "float32"),
 *         "é": numpy.zeros((0, 4), "float32"),
 *     }
 *     print(base64.b64encode(save(tensors, {"note": "x"})).decode())
 */
const GOLDEN = Buffer.from(
  'yAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlIjoieCJ9LCJhIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJkYXRh' +
    'X29mZnNldHMiOlswLDRdfSwiYiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbNCwyOF19' +
    'LCLDqSI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMCw0XSwiZGF0YV9vZmZzZXRzIjpbMjgsMjhdfX0gICAgIAAAwL8AAAAA' +
    'AAAAPwAAgD8AAMA/AAAAQAAAIEA=',
  'base64',
);

function goldenTensors(): TensorMap {
  return new Map([
    ['b', { shape: [2, 3], data: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5) }],
    ['a', { shape: [], data: Float32Array.of(-1.5) }],
    ['é', { shape: [0, 4], data: new Float32Array() }],
  ]);
}

/** A file of the header `json` and `dataBytes` zero bytes. */
function fileOf(json: unknown, dataBytes: number): Uint8Array {
  const header = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  const bytes = Buffer.alloc(8 + header.length + dataBytes);
  bytes.writeBigUInt64LE(BigInt(header.length));
  header.copy(bytes, 8);
  return bytes;
}

function entry(shape: unknown, offsets: unknown, dtype: unknown = 'F32') {
  return { dtype, shape, data_offsets: offsets };
}

describe('safetensors', () => {
  it("writes byte for byte what Python's safetensors writes", () => {
    expect(Buffer.from(encodeSafetensors(goldenTensors(), { note: 'x' }))).toEqual(GOLDEN);
  });

  it("reads what Python's safetensors writes, at any alignment", () => {
    expect(decodeSafetensors(GOLDEN, 'f')).toEqual(goldenTensors());
    const shifted = Buffer.concat([Buffer.from([0]), GOLDEN]).subarray(1);
    expect(decodeSafetensors(shifted, 'f')).toEqual(goldenTensors());
  });

  it('gives back every tensor bit for bit, under any name', () => {
    const tensor = fc.array(fc.nat(3), { maxLength: 3 }).chain((shape) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return fc
        .float32Array({ minLength: size, maxLength: size })
        .map((data) => ({ shape, data }) as const);
    });
    const name = fc.oneof(
      fc.constantFrom('1', '0', 'constructor', 'toString', ''),
      fc.string({ unit: 'binary' }),
    );
    const anyMap = fc
      .array(fc.tuple(name, tensor), { maxLength: 6 })
      .map((entries) => new Map(entries.filter(([n]) => !/^__(metadata|proto)__$/.test(n))));
    fc.assert(
      fc.property(anyMap, (tensors) => {
        const bytes = encodeSafetensors(tensors);
        const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
        expect(headerLength % 8).toBe(0);
        const decoded = decodeSafetensors(bytes, 'f');
        expect(decoded.size).toBe(tensors.size);
        for (const [key, { shape, data }] of tensors) {
          expect(decoded.get(key)?.shape).toEqual(shape);
          expect(Buffer.from(decoded.get(key)!.data.buffer)).toEqual(
            Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          );
        }
      }),
    );
  });

  it('does not share memory with the bytes it was read from', () => {
    const bytes = encodeSafetensors(goldenTensors());
    const tensors = decodeSafetensors(bytes, 'f');
    bytes.fill(0);
    expect(tensors.get('a')!.data[0]).toBe(-1.5);
  });

  it('refuses to write what the file could not hold', () => {
    const one = { shape: [1], data: new Float32Array(1) };
    expect(() => encodeSafetensors(new Map([['__metadata__', one]]))).toThrow('not reserved');
    expect(() => encodeSafetensors(new Map([['__proto__', one]]))).toThrow('not reserved');
    expect(() => encodeSafetensors(new Map([['w', { ...one, shape: [2] }]]))).toThrow(
      'expected the data of w to fill its shape [2], found 1 elements',
    );
  });

  it.each([
    ['an empty file', new Uint8Array(), 'expected a safetensors file, found 0 bytes'],
    ['a header longer than the file', GOLDEN.subarray(0, 100), 'a header of at most 92 bytes'],
    ['a missing byte', GOLDEN.subarray(0, -1), '"b.data_offsets" to be a range within 27 bytes'],
    ['a byte too many', Buffer.concat([GOLDEN, Buffer.of(0)]), 'expected 28 bytes of tensors'],
    ['a header that is no JSON', fileOf('{"a":', 0), 'expected JSON, found'],
    ['a header that is no object', fileOf('[]', 0), 'expected a header that begins with {'],
    ['space before the header', fileOf(' {}', 0), 'expected a header that begins with {'],
    ['__proto__', fileOf('{"__proto__":{}}', 0), 'the key __proto__ is not allowed'],
    ['metadata that are no strings', fileOf({ __metadata__: { a: 1 } }, 0), '"__metadata__" to be'],
    ['an entry that is no object', fileOf({ w: 7 }, 0), 'expected "w" to be an object, found 7'],
    ['another dtype', fileOf({ w: entry([1], [0, 2], 'F16') }, 2), '"w.dtype" to be "F32"'],
    ['no shape', fileOf({ w: entry(undefined, [0, 4]) }, 4), '"w.shape" to be an array of whole'],
    ['a negative size', fileOf({ w: entry([-1, -1], [0, 4]) }, 4), '"w.shape" to be'],
    ['a broken offset', fileOf({ w: entry([1], [0, 4.5]) }, 4), '"w.data_offsets" to be two whole'],
    ['three offsets', fileOf({ w: entry([1], [0, 4, 8]) }, 8), '"w.data_offsets" to be two whole'],
    ['a shape that is too large', fileOf({ w: entry([2], [0, 4]) }, 4), '8 bytes apart'],
    ['a size beyond counting', fileOf({ w: entry([2 ** 52, 2 ** 52], [0, 4]) }, 4), 'bytes apart'],
    ['a gap', fileOf({ v: entry([1], [0, 4]), w: entry([1], [8, 12]) }, 12), 'range from 4 on'],
    [
      'an overlap',
      fileOf({ v: entry([2], [0, 8]), w: entry([2], [4, 12]) }, 12),
      'range from 8 on',
    ],
    [
      'a name given twice',
      fileOf(
        `{"w":${JSON.stringify(entry([1], [0, 4]))},"w":${JSON.stringify(entry([1], [4, 8]))}}`,
        8,
      ),
      'range from 0 on',
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'dir/w.safetensors')).toThrow(UserError);
    expect(() => decodeSafetensors(bytes, 'dir/w.safetensors')).toThrow('dir/w.safetensors: ');
    expect(() => decodeSafetensors(bytes, 'dir/w.safetensors')).toThrow(message);
  });

  it('meets any bytes with tensors or a UserError', () => {
    fc.assert(
      fc.property(fc.nat(GOLDEN.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const bytes = Buffer.from(GOLDEN);
        bytes[at] = value;
        try {
          decodeSafetensors(bytes, 'f');
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
