import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { libraryTypes, optionTypes } from './library-types.ts';

const library = fileURLToPath(new URL('../src/library/', import.meta.url));

/** What the compiler says of files that are not on the disk, in the directory of the library's sources. */
function complaints(files: Record<string, string>): string[] {
  const options: ts.CompilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true, noEmit: true },
    ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, types: ['node'] },
    allowImportingTsExtensions: true,
  };
  const paths = new Map(Object.entries(files).map(([name, text]) => [join(library, name), text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => paths.has(path) || fileExists(path);
  host.readFile = (path) => paths.get(path) ?? readFile(path);
  const { getSourceFile } = host;
  host.getSourceFile = (path, version, ...rest) =>
    paths.has(path)
      ? ts.createSourceFile(path, paths.get(path)!, version)
      : getSourceFile(path, version, ...rest);
  const program = ts.createProgram([...paths.keys()], options, host);
  return [...paths.keys()].flatMap((path) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(path))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  );
}

const SAME = `
  import type * as made from './made-options.ts';
  import type * as own from './options.ts';
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
    expect(complaints({ 'made-options.ts': optionTypes(), 'same.ts': SAME })).toEqual([]);
  });

  it('would be found out if they had not', () => {
    const changed = optionTypes().replace('hiddenSize?: number', 'hiddenSize?: string');
    const less = optionTypes().replace('hiddenSize?:', 'hiddenSizes?:');
    for (const made of [changed, less]) {
      expect(complaints({ 'made-options.ts': made, 'same.ts': SAME })).toEqual([
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
