import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { TensorMap } from '../tensor-data.ts';
import type { ByteSource } from './checked-file.ts';
import { readSafetensors } from './safetensors.ts';
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

/** The tensors in `bytes`, as if they were the content of the file `path`. */
async function decodeSafetensors(
  bytes: Uint8Array,
  path: string,
  specs?: ParameterSpec[],
): Promise<TensorMap> {
  return readSafetensors(sourceOf(bytes), path, specs);
}

function sourceOf(bytes: Uint8Array): ByteSource {
  let position = 0;
  return {
    length: bytes.length,
    async read(target) {
      expect(position + target.length).toBeLessThanOrEqual(bytes.length);
      target.set(bytes.subarray(position, position + target.length));
      position += target.length;
    },
  };
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

  it("reads what Python's safetensors writes", async () => {
    expect(await decodeSafetensors(GOLDEN, 'f')).toEqual(goldenTensors());
  });

  it('gives back every tensor bit for bit, under any name', async () => {
    const tensor = fc.array(fc.nat(3), { maxLength: 3 }).chain((shape) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return fc
        .float32Array({ minLength: size, maxLength: size, noNaN: true, noDefaultInfinity: true })
        .map((data) => ({ shape, data }) as const);
    });
    const name = fc.oneof(
      fc.constantFrom('1', '0', 'constructor', 'toString', ''),
      fc.string({ unit: 'binary' }),
    );
    const anyMap = fc
      .array(fc.tuple(name, tensor), { maxLength: 6 })
      .map((entries) => new Map(entries.filter(([n]) => !/^__(metadata|proto)__$/.test(n))));
    await fc.assert(
      fc.asyncProperty(anyMap, async (tensors) => {
        const bytes = encodeSafetensors(tensors);
        const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
        expect(headerLength % 8).toBe(0);
        const decoded = await decodeSafetensors(bytes, 'f');
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

  it('takes the tensors that it is told to, in that order, and no others', async () => {
    const specs = [
      { name: 'é', shape: [0, 4] },
      { name: 'a', shape: [] },
      { name: 'b', shape: [2, 3] },
    ];
    const read = (...other: ParameterSpec[]) => decodeSafetensors(GOLDEN, 'f', other);
    expect([...(await read(...specs)).keys()]).toEqual(['é', 'a', 'b']);
    await expect(read(...specs.slice(1))).rejects.toThrow('f: expected no tensor "é", found one');
    await expect(read({ name: 'b', shape: [3, 2] })).rejects.toThrow(
      'f: expected a tensor "b" of shape [3, 2], found [2, 3]',
    );
    await expect(read({ name: 'c', shape: [1] })).rejects.toThrow(
      'f: expected a tensor "c" of shape [1], found none',
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %f among the numbers',
    async (number) => {
      const data = Float32Array.from({ length: 300_000 }, (_, i) => (i === 290_000 ? number : i));
      const bytes = encodeSafetensors(new Map([['w', { shape: [300_000], data }]]));
      await expect(readSafetensors(sourceOf(bytes), 'f')).rejects.toThrow(
        `f: expected the tensor "w" to hold finite numbers, found ${number} at 290000`,
      );
    },
  );

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
    ['__proto__', fileOf('{"__proto__":{}}', 0), '"__proto__" to be absent'],
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
    [
      'a header that is too long',
      fileOf(`{${' '.repeat(2 ** 18)}}`, 0),
      'a header of at most 262144 bytes, found 262146',
    ],
    ['a header nested deeply', fileOf(`{"w":${'['.repeat(1e5)}`, 0), 'at most 64 levels'],
    [
      'a tensor that no memory holds',
      fileOf({ w: entry([2 ** 50], [0, 2 ** 52]) }, 0),
      '"w.data_offsets" to be a range within 0 bytes',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const error = await decodeSafetensors(bytes, 'dir/w.safetensors').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain('dir/w.safetensors: ');
    expect((error as Error).message).toContain(message);
  });

  it('meets any bytes with tensors or a UserError', async () => {
    const place = fc.nat(GOLDEN.length - 1);
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 0, max: 255 }), async (at, value) => {
        const bytes = Buffer.from(GOLDEN);
        bytes[at] = value;
        const result = await decodeSafetensors(bytes, 'f').catch((error: unknown) => error);
        expect(result instanceof Map || result instanceof UserError).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
