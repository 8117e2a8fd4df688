/** The JSON object in a request, read with a limit and checked field by field. */
import type { IncomingMessage } from 'node:http';
import { assertModest } from '../checkpoint/json-size.ts';
import { errorMessage, showValue, UserError } from '../errors.ts';
import { misfitOf, type OptionSpec } from '../option-table.ts';
import { ApiError, badField } from './api-error.ts';

/**
 * Reads the body of a request.
 *
 * @throws ApiError 415 for what does not say that it is JSON in UTF-8, 413 for too many bytes, 400 for what is none
 */
export async function readFields(request: IncomingMessage, mostBytes: number): Promise<Fields> {
  assertContentType(request);
  const bytes = await readBytes(request, mostBytes);
  return new Fields(parseJson(bytes));
}

function assertContentType({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? 'nothing';
  // A page of another origin can send other types without asking first.
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw new ApiError(415, `Content-Type: expected application/json, found ${showValue(type)}`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new ApiError(
      415,
      `Content-Encoding: expected a body as it is, found ${showValue(encoding)}`,
    );
  }
}

/** The request's bytes; of more than `most` none is kept, and the rest is read and forgotten. */
function readBytes(request: IncomingMessage, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const fail = (error: Error) => {
      request.off('data', take);
      request.resume();
      reject(error);
    };
    const tooLong = () =>
      new ApiError(413, `expected a body of at most ${most} bytes, found more`, {
        code: 'body_too_large',
      });
    const take = (piece: Buffer) => {
      length += piece.length;
      pieces.push(piece);
      if (length > most) fail(tooLong());
    };
    if (Number(request.headers['content-length'] ?? 0) > most) {
      fail(tooLong());
      return;
    }
    request.on('data', take);
    request.on('end', () => resolve(Buffer.concat(pieces, length)));
    const giveUp = () => reject(new ApiError(400, 'the request ended before its body did'));
    request.on('error', giveUp);
    request.on('close', giveUp);
  });
}

function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError(400, 'body: expected UTF-8, found bytes that are none');
  }
  try {
    assertModest(bytes, 'body');
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof UserError) throw new ApiError(400, error.message);
    const found = errorMessage(error).replace(/\p{C}+/gu, ' ');
    throw new ApiError(400, `body: expected JSON, found ${found.slice(0, 120)}`);
  }
}

/** The fields of an object, each taken once; what nobody takes is refused. */
export class Fields {
  readonly #left: Map<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ApiError(400, `body: expected an object, found ${showValue(value)}`);
    }
    this.#left = new Map(Object.entries(value));
  }

  /** The value of a field; undefined: it is null or not there. */
  take(name: string): unknown {
    const value = this.#left.get(name) ?? undefined;
    this.#left.delete(name);
    return value;
  }

  /** As {@link take}, checked by an option's type and range. */
  option(name: string, spec: OptionSpec): unknown {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const misfit = misfitOf(spec, value);
    if (misfit) throw badField(name, misfit);
    return value;
  }

  integer(name: string, range: { min?: number; max?: number }): number | undefined {
    return this.option(name, specOf('integer', range)) as number | undefined;
  }

  number(name: string, range: { min?: number; above?: number; max?: number }): number | undefined {
    return this.option(name, specOf('number', range)) as number | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.option(name, { type: 'switch', ...UNNAMED }) as boolean | undefined;
  }

  text(name: string): string | undefined {
    const text = this.option(name, { type: 'text', placeholder: '', ...UNNAMED });
    if (text !== undefined) assertWhole(name, text as string);
    return text as string | undefined;
  }

  /** Refuses a field that would be ignored, unless it has a value that asks for nothing. */
  refuse(name: string, nothing: readonly unknown[], why: string): void {
    const value = this.take(name);
    if (value === undefined || nothing.includes(value)) return;
    throw badField(name, `expected ${showValue(nothing[0])}, found ${showValue(value)}: ${why}`);
  }

  /** @throws ApiError 400 naming a field that was not taken */
  assertEmpty(): void {
    const [name] = this.#left.keys();
    if (name === undefined) return;
    throw new ApiError(400, `body: expected fields that are known, found ${showValue(name)}`, {
      param: name.slice(0, 80),
    });
  }
}

const UNNAMED = { flag: '', help: '', group: '' };

function specOf(type: 'integer' | 'number', range: object): OptionSpec {
  return { type, ...range, ...UNNAMED };
}

/** Half of a character, which JSON can hold, is none in UTF-8. */
export function assertWhole(param: string, text: string): void {
  if (/\p{Surrogate}/u.test(text)) {
    throw badField(param, 'expected whole characters, found half of one (a lone surrogate)');
  }
}
