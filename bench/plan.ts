/** What is measured in each round, in which order. */
import { type Job, OURS, type PeerName, peerOf } from './peers.ts';
import type { MeasuredPart, Part } from './results.ts';
import { sweepSizes } from './sizes.ts';

/** One figure of one round. */
export interface Subject {
  part: MeasuredPart;
  size?: string;
  peer: PeerName;
  /** How many rounds it is measured in. */
  rounds: number;
}

/** The subjects of a part and a size: they are measured one after the other. */
export type Group = Subject[];

interface Wishes {
  parts: readonly Part[];
  peers: readonly PeerName[];
  sizes: readonly string[];
  rounds: number;
}

/** Fewer would say little of what takes a second. */
const COLD_ROUNDS = 5;
/** More would take hours. */
const SWEEP_ROUNDS = 3;

/** The script by which a peer is measured; undefined if it takes no part. */
export function jobOf(part: MeasuredPart): Job | undefined {
  if (part === 'cold') return undefined;
  if (part === 'ceiling') return 'product';
  return part === 'sampling' ? 'sampling' : 'training';
}

/** All groups of a round. */
export function planOf({ parts, peers, sizes, rounds }: Wishes): Group[] {
  const has = (part: Part) => parts.includes(part);
  const takers = (part: MeasuredPart, count: number, size?: string): Group => {
    const job = jobOf(part) as Job;
    const able = peers.filter((peer) => peerOf(peer).scripts[job] !== undefined);
    return able.map((peer) => ({ part, peer, rounds: count, ...(size ? { size } : {}) }));
  };
  // The processes that train also tell how much memory they took.
  const trained = has('training') || has('memory') ? sizes : [];
  // A share of the ceiling is only worth something beside a ceiling of the same rounds.
  const ceiling = has('ceiling') || has('training') || has('sweep');
  const groups: Group[] = [
    ceiling ? takers('ceiling', rounds) : [],
    ...trained.map((size) => takers('training', rounds, size)),
    ...(has('sampling') ? sizes : []).map((size) => takers('sampling', rounds, size)),
    has('wasm') ? [{ part: 'wasm', size: 'small', peer: OURS, rounds }] : [],
    has('cold') ? coldGroup(peers, rounds) : [],
    ...(has('sweep') ? Object.keys(sweepSizes) : []).map((size) =>
      takers('sweep', Math.min(rounds, SWEEP_ROUNDS), size),
    ),
  ];
  return groups.filter((group) => group.length > 0);
}

function coldGroup(peers: readonly PeerName[], rounds: number): Group {
  const able = peers.filter((peer) => peer === OURS || peer === 'pytorch');
  return able.map((peer) => ({ part: 'cold', peer, rounds: Math.max(rounds, COLD_ROUNDS) }));
}

/** The sizes of which a profile is taken. */
export function profiledSizes({ parts, sizes }: Wishes): readonly string[] {
  return parts.includes('profile') ? sizes : [];
}
