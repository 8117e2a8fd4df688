/** The tables of where the time of a step goes. */
import type { Profile, ProfileRow } from './profile.ts';
import type { Results } from './results.ts';
import { columnsOf, type Table } from './table.ts';

/** Rows of a table; the others are one row together. */
const SHOWN = 12;
const COLUMNS = columnsOf('', 'ms a step', 'share', 'calls a step');

export function profileTables({ profiles }: Results): Table[] {
  return profiles.flatMap((profile) => {
    const step = `${profile.stepMilliseconds.toFixed(1)} ms, mean of ${profile.steps}`;
    return [
      {
        title: `A training step by kernel: ${profile.size} (${step})`,
        columns: COLUMNS,
        rows: rowsOf(profile, profile.kernels, 'JavaScript and rest'),
        notes: [],
      },
      {
        title: `A training step by TensorFlow op: ${profile.size} (${step})`,
        columns: COLUMNS,
        rows: rowsOf(profile, profile.operations, 'JavaScript and rest'),
        notes: [],
      },
    ];
  });
}

function rowsOf({ stepMilliseconds }: Profile, found: ProfileRow[], rest: string): string[][] {
  const shown = found.slice(0, SHOWN);
  const others = found.slice(SHOWN);
  const left = stepMilliseconds - total(found, 'milliseconds');
  const rows = [
    ...shown,
    ...(others.length > 0
      ? [
          {
            name: `${others.length} others`,
            milliseconds: total(others, 'milliseconds'),
            calls: total(others, 'calls'),
          },
        ]
      : []),
    { name: rest, milliseconds: left, calls: undefined },
  ];
  return rows.map(({ name, milliseconds, calls }) => [
    name,
    milliseconds.toFixed(2),
    `${((milliseconds / stepMilliseconds) * 100).toFixed(1)} %`,
    calls === undefined ? '' : `${Number(calls.toFixed(1))}`,
  ]);
}

function total(rows: ProfileRow[], key: 'milliseconds' | 'calls'): number {
  return rows.reduce((sum, row) => sum + row[key], 0);
}
