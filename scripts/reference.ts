/**
 * Writes docs/reference.md: all commands and options, from the tables that they are declared in; and the tables of
 * docs/training.md, from those that the rule goes by.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commands } from '../src/command-list.ts';
import { COMMON_OPTIONS, type CommandSpec, typedOptions } from '../src/command-spec.ts';
import {
  expectation,
  flagUsage,
  type OptionSpec,
  type OptionTable,
  showDuration,
} from '../src/option-table.ts';
import { writeRuleTables } from './rule-tables.ts';

export const REFERENCE = fileURLToPath(new URL('../docs/reference.md', import.meta.url));

/** The document, of all `commands`. */
export function referenceText(of: readonly CommandSpec[] = commands): string {
  const index = of.map(
    ({ name, summary }) => `| [\`${name}\`](#gru-lm-${name}) | ${cell(summary)} |`,
  );
  return [
    '# Commands and options',
    '',
    'Made by `npm run docs:reference` from the tables that the command line is made of.',
    '',
    '| Command | What it does |',
    '| --- | --- |',
    ...index,
    '',
    `All take ${COMMON_OPTIONS.map(([flag, help]) => `\`${flag}\` (${help})`).join(', ')} and \`--help\`; \`gru-lm --version\``,
    'prints the version. Where a command takes `--config`, the names of its options in such a file are given, which may',
    'also be those of the flags, and `--no-…` takes back what is only on or off.',
    '',
    of.map(commandText).join('\n\n'),
    '',
  ].join('\n');
}

function commandText(spec: CommandSpec): string {
  const { name, operands, summary, examples, notes } = spec;
  const table = typedOptions(spec);
  const groups = [...new Set(Object.values(table).map(({ group }) => group))];
  return [
    `## gru-lm ${name}`,
    '',
    `\`gru-lm ${name}${operands ? ` ${operands}` : ''}${groups.length > 0 ? ' [options]' : ''}\`: ${summary}.`,
    '',
    '```sh',
    ...examples,
    '```',
    ...groups.flatMap((group) => groupText(group, table, spec)),
    ...(notes ? ['', '```text', ...notes, '```'] : []),
  ].join('\n');
}

function groupText(
  group: string,
  table: OptionTable,
  { options, takesConfig }: CommandSpec,
): string[] {
  const rows = Object.entries(table)
    .filter(([, spec]) => spec.group === group)
    .map(([name, spec]) => {
      const inFile = takesConfig && name in options ? `\`${name}\`` : '';
      const cells = [
        `\`${cell(flagUsage(spec))}\``,
        inFile,
        values(spec),
        byDefault(spec),
        cell(spec.help),
      ];
      return `| ${cells.join(' | ')} |`;
    });
  return [
    '',
    `### ${group.replace(/:$/, '')}`,
    '',
    '| Option | In a file | Values | Default | What it does |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ];
}

/** What it may be, where its usage and its kind do not say that. */
function values(spec: OptionSpec): string {
  if (spec.type === 'switch' || spec.type === 'text' || spec.type === 'texts') return '';
  return cell(expectation(spec));
}

function byDefault(spec: OptionSpec): string {
  if (spec.defaultNote !== undefined) return cell(spec.defaultNote);
  if (!('default' in spec) || spec.default === undefined) return '';
  return `\`${spec.type === 'duration' ? showDuration(spec.default) : spec.default}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(REFERENCE, referenceText());
  writeRuleTables();
}
