/**
 * The types of the library for whoever installs it. Those of options are written out from the option tables,
 * with their help, which editors show; the sources derive the same from these tables.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { evaluateTable, sampleTable, trainTable } from '../src/library/options.ts';
import { flagHelp, type OptionSpec, type OptionTable } from '../src/option-table.ts';

const SOURCES = ['library/index.ts', 'library/events.ts', 'library/call-options.ts', 'errors.ts'];

/** The texts of the declaration files, by their paths. */
export function libraryTypes(): Map<string, string> {
  const declared = SOURCES.map((name) => {
    const source = readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8');
    return [name.replace(/\.ts$/, '.d.ts'), declarationsOf(source, name)] as const;
  });
  return new Map([...declared, ['library/options.d.ts', optionTypes()]]);
}

/** What a source declares, which says itself of what types that is. */
function declarationsOf(source: string, name: string): string {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(source, {
    fileName: name,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext },
    reportDiagnostics: true,
  });
  const problem = diagnostics[0];
  if (problem) {
    throw new Error(`${name}: ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`);
  }
  return outputText.replace(/(from '\.[^']*)\.ts'/g, "$1.js'");
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
