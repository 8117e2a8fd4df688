import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compiler, libraryTypes, optionTypes } from './library-types.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = join(root, 'src/library/options.ts');

/** What the compiler says of files that are written beside each other. */
function complaints(files: Record<string, string>): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-types-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')] };
    const config = { extends: join(root, 'tsconfig.json'), include: ['*.mts'], compilerOptions };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
    const run = spawnSync(process.execPath, [compiler, '-p', directory], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    return [...run.stdout.matchAll(/error TS\d+: (.*)/g)].map(([, message]) => message!);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const SAME = `
  import type * as made from './made-options.mts';
  import type * as own from '${options}';
  type Same<A, B> = [Required<A>] extends [Required<B>]
    ? [Required<B>] extends [Required<A>] ? true : false
    : false;
  export const train: Same<made.TrainOptions, own.TrainOptions> = true;
  export const sample: Same<made.SampleOptions, own.SampleOptions> = true;
  export const evaluate: Same<made.EvaluateOptions, own.EvaluateOptions> = true;
  export const other: Same<made.TrainOptions, own.SampleOptions> = false;
`;

describe('the types of the library', () => {
  it('have the options that the sources derive from the tables', () => {
    expect(complaints({ 'made-options.mts': optionTypes(), 'same.mts': SAME })).toEqual([]);
  });

  it('would be found out if they had not', () => {
    const changed = optionTypes().replace('hiddenSize?: number', 'hiddenSize?: string');
    const less = optionTypes().replace('hiddenSize?:', 'hiddenSizes?:');
    for (const made of [changed, less]) {
      expect(complaints({ 'made-options.mts': made, 'same.mts': SAME })).toEqual([
        "Type 'true' is not assignable to type 'false'.",
      ]);
    }
  });

  it('name each other alone, and tell what each option is', () => {
    const types = libraryTypes();
    for (const [path, text] of types) {
      for (const [, found] of text.matchAll(/(?:from |import\()'([^']+)'/g)) {
        expect(types.has(join(path, '..', found!).replace(/\.js$/, '.d.ts')), found).toBe(true);
      }
    }
    expect(types.get('library/options.d.ts')).toContain(
      '  /** size of each recurrent layer’s state (default by the text and the time) */\n  hiddenSize?: number | undefined;\n',
    );
    expect(types.get('library/index.d.ts')).toContain('export declare function train(');
  });
});
