/** The table of `npm run check:cuda`. */
import { columnsOf, type Table } from '../bench/table.ts';
import { type Agreement, TOLERANCE } from './agreement.ts';

/** One thing that was checked or measured. */
export interface CheckRow {
  part: 'set up' | 'values' | 'training' | 'speed';
  what: string;
  found: string;
  /** Undefined for what is only measured. */
  isRight?: boolean;
}

/** True if nothing that was checked is wrong. */
export function isWhole(rows: readonly CheckRow[]): boolean {
  return rows.every(({ isRight }) => isRight !== false);
}

export function rowsOfAgreement(agreements: readonly Agreement[]): CheckRow[] {
  return agreements.map(({ kind, what, difference, isWithin }) => ({
    part: 'values',
    what: `${kind}: ${what}, largest difference`,
    found: difference.toExponential(1),
    isRight: isWithin,
  }));
}

export function checkTable(backend: string, rows: readonly CheckRow[]): Table {
  const wrong = rows.filter(({ isRight }) => isRight === false).length;
  return {
    title: `The ${backend} backend on this machine`,
    columns: columnsOf('', '', 'found', '').map((column) => ({
      ...column,
      align: 'left' as const,
    })),
    rows: rows.map(({ part, what, found, isRight }) => [
      part,
      what,
      found,
      isRight === undefined ? '' : isRight ? 'right' : 'WRONG',
    ]),
    notes: [
      `Values may differ from the plain JavaScript reference by ${TOLERANCE}, in float32 without TF32.`,
      wrong === 0 ? 'Nothing is wrong.' : `${wrong} of ${rows.length} wrong.`,
    ],
  };
}
