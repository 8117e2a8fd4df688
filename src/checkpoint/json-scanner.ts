/** Finds its way through a JSON text without making values of it. */

/** No file of ours has half as many levels. */
const DEEPEST = 64;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** What else a value may begin with, up to the `,`, `]`, `}` or white space that ends it. */
const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const LONGEST_SCALAR = 400;

/** A part of a text, from `start` up to `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the value of a JSON text is; throws a SyntaxError unless the text is JSON, by RFC 8259, with at
 * most 64 levels. Whether the bytes are UTF-8 is for the caller to know.
 */
export function findValue(bytes: Buffer): Range {
  const start = skipSpace(bytes, 0);
  const end = checkValue(bytes, start, 0);
  const after = skipSpace(bytes, end);
  if (after < bytes.length) throw unexpected(bytes, after);
  return { start, end };
}

/** The elements of the array at `range` of a text that is JSON. */
export function* elementsOf(bytes: Buffer, range: Range): Generator<Range, void, undefined> {
  for (let at = skipSpace(bytes, range.start + 1); bytes[at] !== CLOSE_ARRAY; ) {
    const end = valueEnd(bytes, at);
    yield { start: at, end };
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
}

/** The keys, with their quotes, and values of the object at `range` of a text that is JSON. */
export function* membersOf(
  bytes: Buffer,
  range: Range,
): Generator<readonly [key: Range, value: Range], void, undefined> {
  for (let at = skipSpace(bytes, range.start + 1); bytes[at] !== CLOSE_OBJECT; ) {
    const keyEnd = stringEnd(bytes, at);
    const start = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    const end = valueEnd(bytes, start);
    yield [
      { start: at, end: keyEnd },
      { start, end },
    ];
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
}

/** Where the value that begins at `at` ends. */
function checkValue(bytes: Buffer, at: number, depth: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return checkString(bytes, at);
    case OPEN_ARRAY:
      return checkItems(bytes, at, CLOSE_ARRAY, depth, (start) =>
        checkValue(bytes, start, depth + 1),
      );
    case OPEN_OBJECT:
      return checkItems(bytes, at, CLOSE_OBJECT, depth, (start) => {
        if (bytes[start] !== QUOTE) throw unexpected(bytes, start);
        const colon = skipSpace(bytes, checkString(bytes, start));
        if (bytes[colon] !== COLON) throw unexpected(bytes, colon);
        return checkValue(bytes, skipSpace(bytes, colon + 1), depth + 1);
      });
    default:
      return checkScalar(bytes, at);
  }
}

/** Where the array or object at `at` ends; `checkItem` gives the end of an item from its start. */
function checkItems(
  bytes: Buffer,
  at: number,
  close: number,
  depth: number,
  checkItem: (start: number) => number,
): number {
  if (depth === DEEPEST) throw new SyntaxError(`more than ${DEEPEST} levels at byte ${at}`);
  let next = skipSpace(bytes, at + 1);
  if (bytes[next] === close) return next + 1;
  for (;;) {
    next = skipSpace(bytes, checkItem(next));
    if (bytes[next] === close) return next + 1;
    if (bytes[next] !== COMMA) throw unexpected(bytes, next);
    next = skipSpace(bytes, next + 1);
  }
}

function checkString(bytes: Buffer, at: number): number {
  for (let i = at + 1; i < bytes.length; i += 1) {
    const byte = bytes[i]!;
    if (byte === QUOTE) return i + 1;
    if (byte < 0x20) throw unexpected(bytes, i);
    if (byte === BACKSLASH) i = escapeEnd(bytes, i) - 1;
  }
  throw unexpected(bytes, bytes.length);
}

function escapeEnd(bytes: Buffer, at: number): number {
  const escaped = text(bytes, { start: at, end: at + 6 });
  const [match] = /^\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/.exec(escaped) ?? [];
  if (match === undefined) throw unexpected(bytes, at);
  return at + match.length;
}

function checkScalar(bytes: Buffer, at: number): number {
  const end = scalarEnd(bytes, at);
  if (end - at > LONGEST_SCALAR || !SCALAR.test(text(bytes, { start: at, end }))) {
    throw unexpected(bytes, at);
  }
  return end;
}

/** Where the value at `at` of a text that is JSON ends. */
function valueEnd(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return stringEnd(bytes, at);
  if (first !== OPEN_ARRAY && first !== OPEN_OBJECT) return scalarEnd(bytes, at);
  let depth = 0;
  for (let i = at; ; ) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = stringEnd(bytes, i);
      continue;
    }
    if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth -= 1;
    i += 1;
    if (depth === 0) return i;
  }
}

function stringEnd(bytes: Buffer, at: number): number {
  let i = at + 1;
  for (; bytes[i] !== QUOTE; i += 1) {
    if (bytes[i] === BACKSLASH) i += 1;
  }
  return i + 1;
}

function scalarEnd(bytes: Buffer, at: number): number {
  let i = at;
  while (i < bytes.length && !endsScalar(bytes[i]!)) i += 1;
  return i;
}

function endsScalar(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || isSpace(byte);
}

function skipSpace(bytes: Buffer, at: number): number {
  let i = at;
  while (isSpace(bytes[i])) i += 1;
  return i;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function text(bytes: Buffer, { start, end }: Range): string {
  return bytes.toString('latin1', start, end);
}

function unexpected(bytes: Buffer, at: number): SyntaxError {
  return new SyntaxError(
    at >= bytes.length ? 'an end in the middle of a value' : `something else at byte ${at}`,
  );
}
