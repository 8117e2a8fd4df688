/** Options as the text of a config file. */
import { stringify } from 'smol-toml';
import { type OptionSpec, type OptionTable, showDuration } from '../option-table.ts';
import type { ShownOption } from './origins.ts';

/** Where the comment after a value begins, if there is room. */
const COMMENT_COLUMN = 34;

/**
 * The lines of a config file in TOML that gives `options`: a comment says where each comes from, and those
 * that are defaults are comments themselves, so that they stay defaults.
 */
export function configText(
  command: string,
  table: OptionTable,
  options: readonly ShownOption[],
): string[] {
  const lines = [
    `# What gru-lm ${command} runs with, as --config takes it.`,
    '# Lines behind a # are defaults.',
  ];
  let group = '';
  for (const option of options) {
    const spec = table[option.name] as OptionSpec;
    if (spec.group !== group) lines.push('', `# ${spec.group}`);
    group = spec.group;
    lines.push(optionLine(spec, option));
  }
  return lines;
}

function optionLine(spec: OptionSpec, { name, value, from }: ShownOption): string {
  if (value === null) return `# ${name}: not set`;
  const line = tomlLine(name, spec.type === 'duration' ? showDuration(value) : value);
  return from === 'default' ? `# ${line}` : `${line.padEnd(COMMENT_COLUMN)} # ${from}`;
}

/** Escaped in texts, so that a terminal shows the file as it is. */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}]/gu;

function tomlLine(name: string, value: unknown): string {
  return stringify({ [name]: value })
    .trimEnd()
    .replace(CONTROLS, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}
