/**
 * The types of the library for whoever installs it. Those of options are written out from the option tables,
 * with their help, which editors show; the sources derive the same from these tables.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evaluateTable, sampleTable, trainTable } from '../src/library/options.ts';
import { flagHelp, type OptionSpec, type OptionTable } from '../src/option-table.ts';

const SOURCES = ['library/index.ts', 'library/events.ts', 'library/call-options.ts', 'errors.ts'];
const src = fileURLToPath(new URL('../src', import.meta.url));

/** The program of the TypeScript compiler, for Node.js. */
export const compiler = join(
  createRequire(import.meta.url).resolve('typescript/package.json'),
  '../bin/tsc',
);

/** The texts of the declaration files, by their paths. */
export function libraryTypes(): Map<string, string> {
  return new Map([...declarations(), ['library/options.d.ts', optionTypes()]]);
}

/** What the sources declare, which say themselves of what types that is: nothing that they import is read. */
function declarations(): [path: string, text: string][] {
  const directory = mkdtempSync(join(tmpdir(), 'gru-lm-types-'));
  try {
    const each = ['--noResolve', '--noCheck', '--isolatedDeclarations'];
    const language = ['--ignoreConfig', '--target', 'es2023', '--module', 'nodenext'];
    const output = ['--declaration', '--emitDeclarationOnly', '--outDir', directory];
    const args = [...language, ...each, ...output, '--rootDir', src];
    const paths = SOURCES.map((name) => join(src, name));
    // The compiler says on its standard output what is wrong with a source.
    execFileSync(process.execPath, [compiler, ...args, ...paths], { stdio: 'inherit' });
    return SOURCES.map((source) => {
      const path = source.replace(/\.ts$/, '.d.ts');
      const text = readFileSync(join(directory, path), 'utf8');
      return [path, text.replace(/(from '\.[^']*)\.ts'/g, "$1.js'")];
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The interfaces of options, each with its help. */
export function optionTypes(): string {
  const tables = [
    ['TrainOptions', trainTable],
    ['SampleOptions', sampleTable],
    ['EvaluateOptions', evaluateTable],
  ] as const;
  return tables.map(([name, table]) => interfaceOf(name, table)).join('\n');
}

function interfaceOf(name: string, table: OptionTable): string {
  const members = Object.entries(table).map(
    ([option, spec]) =>
      `  /** ${flagHelp(spec)}${spec.type === 'duration' ? '; in seconds' : ''} */\n` +
      `  ${option}?: ${typeOf(spec)} | undefined;\n`,
  );
  return `export interface ${name} {\n${members.join('')}}\n`;
}

function typeOf(spec: OptionSpec): string {
  switch (spec.type) {
    case 'integer':
    case 'number':
    case 'duration':
      return 'number';
    case 'integers':
      return 'number[]';
    case 'choice':
      return spec.choices.map((choice) => `'${choice}'`).join(' | ');
    case 'text':
      return 'string';
    case 'texts':
      return 'string[]';
    case 'switch':
      return 'boolean';
  }
}
