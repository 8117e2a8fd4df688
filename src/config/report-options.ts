import type { OptionTable } from '../option-table.ts';
import { DATA, jsonOption, OUTPUT } from './shared.ts';

/** What `gru-lm report` takes. */
export const reportOptions = {
  eval: {
    flag: 'eval',
    type: 'texts',
    placeholder: 'FILE',
    help: 'also show the tables of these evaluations, which gru-lm eval --json printed',
    group: DATA,
  },
  out: {
    flag: 'out',
    type: 'text',
    placeholder: 'FILE',
    default: 'report.html',
    help: 'where to write the page',
    group: OUTPUT,
  },
  overwrite: {
    flag: 'overwrite',
    type: 'switch',
    help: 'replace the file that is there',
    group: OUTPUT,
  },
  ...jsonOption,
} as const satisfies OptionTable;
