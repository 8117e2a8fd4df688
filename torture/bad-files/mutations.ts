/** Changes of a checkpoint's files that their parsers meet: hashes and seals are right again. */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { MANIFEST_FILE, PART_FILES, RUN_FILE } from '../../src/checkpoint/format.ts';
import type { JsonObject } from '../../src/checkpoint/json.ts';
import { encodeSealed } from '../../src/checkpoint/sealed-json.ts';

/** A change of a text: of the JSON in it, or of its characters. Places count modulo what there is. */
type Edit =
  | {
      readonly type: 'replace' | 'rename' | 'remove' | 'add' | 'copy';
      readonly place: number;
      readonly from: number;
      readonly key: string;
      readonly value: unknown;
    }
  | {
      readonly type: 'splice';
      readonly place: number;
      readonly removed: number;
      readonly inserted: string;
    };

export interface Mutation {
  /** Which of the runs. */
  readonly base: number;
  readonly file: string;
  readonly edits: readonly Edit[];
  /** Of a safetensors file, what it says of its header's length, if not what that is. */
  readonly headerLength: bigint | null;
  /** Bytes that a safetensors file has more, or less. */
  readonly dataChange: number;
}

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  '\u001b[2J',
];
const VALUES = [
  ...[null, true, '', '0', 0, -1, 0.5, -0, 1e308, 2 ** 32, 2 ** 53, 65_536, [], {}, [0], [[]]],
  ...['../../etc/passwd', '/dev/zero', 'step-00000001', '\u001b]0;x\u0007', '\ud800', '\n', 'NaN'],
  ...['x'.repeat(10_000), Array(10_000).fill(0), Array(1000).fill({}), nested(100)],
];
const SNIPPETS = [
  ...[
    '1e999',
    '-1e999',
    '"__proto__":{"polluted":1},',
    '{"__proto__":[]}',
    '[',
    '{',
    ']',
    '}',
    ',',
  ],
  ...['"', '\\', '\\u0000', '\ufeff', '//', 'null', '"step":1,', ' '.repeat(300), '0'.repeat(400)],
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

/** @param bases how many runs there are to change */
export function anyMutation(bases: number): fc.Arbitrary<Mutation> {
  const files = [...Object.values(PART_FILES), MANIFEST_FILE, RUN_FILE];
  const place = fc.nat(2 ** 20);
  const edit: fc.Arbitrary<Edit> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constantFrom('replace', 'rename', 'remove', 'add', 'copy'),
        place,
        from: place,
        key: fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 5 })),
        value: fc.oneof(fc.constantFrom(...VALUES), fc.jsonValue({ maxDepth: 2 })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('splice'),
        place,
        removed: fc.nat(6),
        inserted: fc.oneof(fc.constantFrom(...SNIPPETS), fc.string({ maxLength: 3 })),
      }),
    },
  );
  return fc.record({
    base: fc.nat(bases - 1),
    file: fc.constantFrom(...files),
    edits: fc.array(edit, { minLength: 1, maxLength: 4 }),
    headerLength: fc.option(fc.bigInt(0n, 2n ** 64n - 1n), { freq: 20 }),
    dataChange: fc.oneof(
      { weight: 9, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -9, max: 9 }) },
    ),
  });
}

/** The content of `file` after the change. */
export function mutate(bytes: Uint8Array, mutation: Mutation): Uint8Array {
  if (!mutation.file.endsWith('.safetensors')) {
    return sealed(applyEdits(text(bytes), mutation.edits), mutation.file);
  }
  const headerEnd = 8 + Number(Buffer.from(bytes).readBigUInt64LE());
  const header = Buffer.from(applyEdits(text(bytes.subarray(8, headerEnd)), mutation.edits));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(mutation.headerLength ?? BigInt(header.length));
  const data = bytes.subarray(headerEnd);
  const { dataChange } = mutation;
  const changed =
    dataChange < 0 ? data.subarray(0, dataChange) : Buffer.concat([data, Buffer.alloc(dataChange)]);
  return Buffer.concat([length, header, changed]);
}

/** Puts `bytes` in the place of a file, and the hash that they have in the manifest. */
export function putFile(directory: string, file: string, bytes: Uint8Array): void {
  writeFileSync(join(directory, file), bytes);
  if (file === MANIFEST_FILE) return;
  const manifest = join(directory, MANIFEST_FILE);
  const { sha256: _, ...json } = JSON.parse(readFileSync(manifest, 'utf8')) as JsonObject;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const files = { ...(json.files as object), [file]: { bytes: bytes.length, sha256 } };
  writeFileSync(manifest, encodeSealed({ ...json, files }, manifest));
}

/** The text of `manifest.json` or `run.json` with its seal made right, as far as it can have one. */
function sealed(content: string, file: string): Uint8Array {
  if (file !== MANIFEST_FILE && file !== RUN_FILE) return Buffer.from(content);
  try {
    const { sha256: _, ...json } = JSON.parse(content) as JsonObject;
    return encodeSealed(json, file);
  } catch {
    return Buffer.from(content);
  }
}

function applyEdits(content: string, edits: readonly Edit[]): string {
  return edits.reduce(
    (edited, edit) => (edit.type === 'splice' ? splice(edited, edit) : editJson(edited, edit)),
    content,
  );
}

function splice(content: string, edit: Extract<Edit, { type: 'splice' }>): string {
  const at = edit.place % (content.length + 1);
  return content.slice(0, at) + edit.inserted + content.slice(at + edit.removed);
}

type Container = Record<string, unknown> | unknown[];

function editJson(content: string, edit: Exclude<Edit, { type: 'splice' }>): string {
  let root: { json: unknown };
  try {
    root = { json: JSON.parse(content) as unknown };
  } catch {
    return content;
  }
  const slots = slotsOf(root);
  const { parent, key } = slots[edit.place % slots.length]!;
  const other = slots[edit.from % slots.length]!;
  switch (edit.type) {
    case 'replace':
      put(parent, key, edit.value);
      break;
    case 'copy':
      put(parent, key, structuredClone(get(other.parent, other.key)));
      break;
    case 'remove':
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 'rename':
      put(parent, edit.key, get(parent, key));
      if (!Array.isArray(parent) && edit.key !== key) delete parent[key];
      break;
    case 'add': {
      const inner = get(parent, key);
      const target = typeof inner === 'object' && inner !== null ? (inner as Container) : parent;
      if (Array.isArray(target)) target.push(edit.value);
      else put(target, edit.key, edit.value);
      break;
    }
  }
  return JSON.stringify(root.json, null, 1) ?? '';
}

/** Every place in `root` where a value is. */
function slotsOf(root: Container): { parent: Container; key: string }[] {
  const slots: { parent: Container; key: string }[] = [];
  const visit = (parent: Container) => {
    for (const key of Object.keys(parent)) {
      slots.push({ parent, key });
      const value = get(parent, key);
      if (typeof value === 'object' && value !== null) visit(value as Container);
    }
  };
  visit(root);
  return slots;
}

function get(parent: Container, key: string): unknown {
  return Object.getOwnPropertyDescriptor(parent, key)?.value;
}

/** As a property of its own, whatever its name. */
function put(parent: Container, key: string, value: unknown): void {
  if (Array.isArray(parent)) parent[Number(key) || 0] = value;
  else {
    Object.defineProperty(parent, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
