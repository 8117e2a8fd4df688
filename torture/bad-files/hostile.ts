/** Files made to cost a reader as much as they can: time, memory, or a wait without end. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type CheckpointPart,
  MANIFEST_FILE,
  PART_FILES,
  RUN_FILE,
} from '../../src/checkpoint/format.ts';
import type { JsonObject } from '../../src/checkpoint/json.ts';
import { encodeSealed } from '../../src/checkpoint/sealed-json.ts';
import { putFile } from './mutations.ts';

export interface HostileFile {
  readonly name: string;
  /** The file that is bad. */
  readonly file: string;
  /** Makes it so in the last checkpoint of a copy of a right run. */
  make(checkpoint: string): void;
}

const JSON_PARTS = ['config', 'tokenizer', 'training', 'history', 'clock'] as const;
const TENSOR_PARTS = ['weights', 'optimizer', 'state'] as const;
const MEGABYTE = 2 ** 20;

/** Lists of what takes most memory for its length: as much as is let through, and far more. */
const LISTS: readonly [what: string, element: (i: number) => string][] = [
  ['empty objects', () => '{}'],
  ['empty arrays', () => '[]'],
  ['objects of one key each', (i) => `{"k${i.toString(36)}":0}`],
  ['numbers', () => '0'],
  ['fractions', (i) => `.${i}`.replace('.', '0.')],
  ['short texts', (i) => `"${i.toString(36)}"`],
  ['texts beyond Latin-1', () => `"\u4e00${'x'.repeat(1000)}"`],
];
/** Lengths in MiB. A right vocabulary that is longer takes as much as a wrong one may. */
const SIZES = { history: [1, 32], training: [1, 32], clock: [1, 32], tokenizer: [1, 4] };

function list(element: (i: number) => string, bytes: number): Buffer {
  const parts: string[] = [];
  for (let [i, length] = [0, 2]; length < bytes; i += 1) {
    parts.push(element(i));
    length += parts[i]!.length + 1;
  }
  return Buffer.from(`[${parts.join(',')}]`);
}

export function hostileFiles(): HostileFile[] {
  return [...longLists(), ...deepTexts(), ...largeFiles(), ...noFiles()];
}

function longLists(): HostileFile[] {
  const fields = { history: '', training: 'data', clock: 'history', tokenizer: 'tokens' };
  const parts = Object.keys(SIZES) as (keyof typeof SIZES)[];
  return LISTS.flatMap(([what, element]) =>
    parts.flatMap((part) =>
      SIZES[part].map((size) => ({
        name: `${PART_FILES[part]} of ${size} MiB of ${what}`,
        file: PART_FILES[part],
        make: (checkpoint: string) => {
          const elements = list(element, size * MEGABYTE);
          const field = fields[part];
          const text = field === '' ? elements : Buffer.from(`{"${field}":${elements}}`);
          putFile(checkpoint, PART_FILES[part], text);
        },
      })),
    ),
  );
}

function deepTexts(): HostileFile[] {
  const deep = ['['.repeat(MEGABYTE), '{"a":'.repeat(MEGABYTE / 5)];
  return deep.flatMap((text) => [
    ...JSON_PARTS.map((part) => ({
      name: `${PART_FILES[part]} of a million levels`,
      file: PART_FILES[part],
      make: (checkpoint: string) => putFile(checkpoint, PART_FILES[part], Buffer.from(text)),
    })),
    {
      name: 'a header of a million levels',
      file: PART_FILES.weights,
      make: (checkpoint: string) =>
        putFile(checkpoint, PART_FILES.weights, safetensors(`{"w":${text}`)),
    },
  ]);
}

function safetensors(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header)]);
}

/** Files with nothing on the disk behind their length. */
function largeFiles(): HostileFile[] {
  const parts: CheckpointPart[] = [...TENSOR_PARTS, ...JSON_PARTS];
  return [
    ...[MANIFEST_FILE, RUN_FILE].map((file) => ({
      name: `${file} of a gigabyte`,
      file,
      make: (checkpoint: string) => truncateSync(pathOf(checkpoint, file), 2 ** 30),
    })),
    ...parts.map((part) => ({
      name: `${PART_FILES[part]} of a terabyte, as the manifest says`,
      file: PART_FILES[part],
      make: (checkpoint: string) => {
        const file = PART_FILES[part];
        truncateSync(join(checkpoint, file), 2 ** 40);
        const manifest = join(checkpoint, MANIFEST_FILE);
        const { sha256: _, ...json } = JSON.parse(readFileSync(manifest, 'utf8')) as JsonObject;
        const files = structuredClone(json.files) as Record<string, { bytes: number }>;
        files[file]!.bytes = 2 ** 40;
        writeFileSync(manifest, encodeSealed({ ...json, files } as JsonObject, manifest));
      },
    })),
  ];
}

/** What is no file, where one should be. */
function noFiles(): HostileFile[] {
  const kinds: readonly [what: string, put: (path: string) => void][] = [
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['a directory', (path) => mkdirSync(path)],
    ['a device without end', (path) => symlinkSync('/dev/zero', path)],
    ['a link to itself', (path) => symlinkSync(path, path)],
  ];
  return [...Object.values(PART_FILES), MANIFEST_FILE, RUN_FILE].flatMap((file) =>
    kinds.map(([what, put]) => ({
      name: `${what} as ${file}`,
      file,
      make: (checkpoint: string) => {
        const path = pathOf(checkpoint, file);
        rmSync(path);
        put(path);
      },
    })),
  );
}

function pathOf(checkpoint: string, file: string): string {
  return join(file === RUN_FILE ? dirname(checkpoint) : checkpoint, file);
}
