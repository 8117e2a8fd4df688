/** What the help says of the presets. */
import { flagsOf } from '../option-table.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.ts';
import { presetOptions } from './train.ts';
import { trainOptions } from './train-options.ts';

const COLUMNS = 80;
const INDENT = '         ';

/** The lines of `--help` under which each preset stands, with the flags that it is short for. */
export function presetHelp(): string[] {
  return [
    'Presets:',
    ...PRESET_NAMES.flatMap((name) => [
      `  ${name.padEnd(INDENT.length - 2)}${PRESETS[name].use}`,
      ...wrapFlags(presetFlags(name)).map((line) => INDENT + line),
    ]),
  ];
}

/** The flags that a preset is short for. */
export function presetFlags(name: PresetName): string {
  return flagsOf(trainOptions, presetOptions(name));
}

/** `flags` in lines; none ends between a flag and its value. */
function wrapFlags(flags: string): string[] {
  const lines: string[] = [];
  for (const flag of flags.split(/ (?=--)/)) {
    const longer = `${lines.at(-1)} ${flag}`;
    if (lines.length > 0 && INDENT.length + longer.length <= COLUMNS)
      lines[lines.length - 1] = longer;
    else lines.push(flag);
  }
  return lines;
}
