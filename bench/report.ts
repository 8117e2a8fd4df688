/** The tables of a benchmark's results. */
import { count, megabytes, percent, plural, range, ratio } from './figures.ts';
import { labelOf, OURS, type PeerName, peerNames } from './peers.ts';
import { profileTables } from './profile-tables.ts';
import {
  ceilingOf,
  type Failure,
  type MeasuredPart,
  type Part,
  parts,
  type Results,
  select,
  shareOfCeiling,
} from './results.ts';
import { describeModel, namedSizes, sizeOf, sweepSizes, trainingFlopsPerToken } from './sizes.ts';
import { median, pairedRatios, summarise } from './statistics.ts';
import { columnsOf, type Table } from './table.ts';

/** The tables of a part; none if it was not measured. */
export function tablesOf(results: Results, part: Part): Table[] {
  switch (part) {
    case 'ceiling':
      return speedTables(results, part, [undefined]);
    case 'training':
    case 'sampling':
    case 'wasm':
      return speedTables(results, part, Object.keys(namedSizes));
    case 'sweep':
      return speedTables(results, part, Object.keys(sweepSizes));
    case 'cold':
      return speedTables(results, part, [undefined]);
    case 'memory':
      return memoryTables(results);
    case 'profile':
      return profileTables(results);
  }
}

/** All that was measured. */
export function allTables(results: Results): Table[] {
  return parts.flatMap((part) => tablesOf(results, part));
}

/** What was measured, on what and how; and who is missing from all of it. */
export function describeResults({
  date,
  machine,
  settings,
  versions,
  failures,
}: Results): string[] {
  const { processor, cores, memoryBytes, system, loadBefore } = machine;
  const { rounds, threads, minSteps, minSeconds } = settings;
  const gigabytes = `${Math.round(memoryBytes / 1e9)} GB`;
  return [
    `${date.slice(0, 10)}, ${processor}, ${cores} cores, ${gigabytes}, ${system}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `${plural(rounds, 'round')}, ${plural(threads, 'thread')}, in each process at least ${plural(minSteps, 'step')} and ${minSeconds} s`,
    `load average before the run: ${loadBefore.toFixed(1)}`,
    ...failures.filter(({ part }) => part === undefined).map(describeFailure),
  ];
}

const what: Record<MeasuredPart, { title: string; unit: string }> = {
  ceiling: { title: 'Product of two float32 matrices, 2048 × 2048', unit: 'GFLOP/s' },
  training: { title: 'Training', unit: 'tokens/s' },
  sweep: { title: 'Training', unit: 'tokens/s' },
  sampling: { title: 'Sampling, batch 1', unit: 'tokens/s' },
  cold: { title: 'Cold start, from nothing to one token', unit: 'seconds' },
  wasm: { title: 'Training on the wasm backend, 1 thread', unit: 'tokens/s' },
};

/** One table a size: a row a peer, with our ratio to it. */
function speedTables(
  results: Results,
  part: MeasuredPart,
  sizes: readonly (string | undefined)[],
): Table[] {
  return sizes.flatMap((size) => {
    const found = select(results, part, { size });
    const failures = results.failures.filter((f) => f.part === part && f.size === size);
    if (found.length + failures.length === 0) return [];
    const isOfAllCores = part === 'training' || part === 'sweep';
    const share = isOfAllCores && ceilingOf(results) !== undefined;
    const compares = part !== 'ceiling' && part !== 'wasm';
    const peers = peerNames.filter((peer) => found.some((one) => one.peer === peer));
    const rows = peers.map((peer) => speedRow(results, { part, size, peer, share, compares }));
    const versus = part === 'cold' ? 'peer ÷ gru-lm' : 'gru-lm ÷ peer';
    const titles = ['', what[part].unit, 'lowest–highest'];
    if (share) titles.push('of ceiling');
    if (compares) titles.push(versus, 'by round');
    return [
      {
        title: size === undefined ? what[part].title : `${what[part].title}: ${size}`,
        ...(size === undefined ? {} : { subtitle: subtitleOf(part, size) }),
        columns: columnsOf(...titles),
        rows,
        notes: failures.map(describeFailure),
      },
    ];
  });
}

interface RowOptions {
  part: MeasuredPart;
  size: string | undefined;
  peer: PeerName;
  share: boolean;
  compares: boolean;
}

function speedRow(results: Results, { part, size, peer, share, compares }: RowOptions): string[] {
  const measured = select(results, part, { size, peer });
  const { median: middle, lowest, highest } = summarise(measured.map(({ value }) => value));
  const cells = [rowLabelOf(results, part, peer), count(middle), range(lowest, highest)];
  if (share) {
    const found = size && shareOfCeiling(results, size, middle);
    cells.push(found ? percent(found) : '–');
  }
  if (!compares) return cells;
  const ours = select(results, part, { size, peer: OURS });
  if (peer === OURS || ours.length === 0) return [...cells, '', ''];
  const ourMiddle = median(ours.map(({ value }) => value));
  const [above, below] = part === 'cold' ? [measured, ours] : [ours, measured];
  const paired = pairedRatios(above, below);
  const whole = part === 'cold' ? middle / ourMiddle : ourMiddle / middle;
  const { lowest: least, highest: most } = summarise(paired.length > 0 ? paired : [whole]);
  return [...cells, ratio(whole), range(least, most, ratio)];
}

/** A row a peer, a column a size: the most memory that a process held while it trained. */
function memoryTables(results: Results): Table[] {
  const found = select(results, 'training');
  const sizes = Object.keys(namedSizes).filter((size) => found.some((one) => one.size === size));
  const peers = peerNames.filter((peer) => found.some((one) => one.peer === peer));
  if (sizes.length === 0) return [];
  const rows = peers.map((peer) => [
    rowLabelOf(results, 'training', peer),
    ...sizes.map((size) => {
      const peaks = select(results, 'training', { size, peer }).map(
        ({ peakBytes = 0 }) => peakBytes,
      );
      return peaks.length > 0 ? megabytes(median(peaks)) : '–';
    }),
  ]);
  const title = 'Peak memory of a process that trains, MB';
  return [{ title, columns: columnsOf('', ...sizes), rows, notes: [] }];
}

function subtitleOf(part: MeasuredPart, size: string): string {
  const found = sizeOf(size);
  if (part === 'sampling') return describeModel(found);
  const megaflops = count(trainingFlopsPerToken(found) / 1e6);
  return `${describeModel(found)}, batch ${found.batch} × ${found.steps}; ${megaflops} MFLOP a token`;
}

function rowLabelOf({ versions }: Results, part: MeasuredPart, peer: PeerName): string {
  if (part === 'ceiling' && peer === OURS) return `TensorFlow ${versions.tensorflow ?? ''}`.trim();
  return labelOf(peer, versions);
}

function describeFailure({ part, peer, reason, round }: Failure): string {
  const how = part === undefined || round === undefined ? 'is missing' : `failed in round ${round}`;
  return `${labelOf(peer)} ${how}: ${reason}`;
}
