/** The benchmark's command line. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { UserError } from '../src/errors.ts';
import { typedNumber } from './command-line.ts';
import { OURS, type PeerName, peerNames } from './peers.ts';
import { type Part, parts } from './results.ts';
import { namedSizes } from './sizes.ts';
import type { Timing } from './work.ts';

export interface Options {
  parts: Part[];
  peers: PeerName[];
  /** Names of {@link namedSizes}. */
  sizes: string[];
  rounds: number;
  threads: number;
  timing: Timing;
  /** A Python to use as it is, for the benchmark's own. */
  python: string | undefined;
  json: boolean;
  writeDocs: boolean;
  /** A file of results to show instead of measuring. */
  from: string | undefined;
}

export const help = `Usage: npm run bench -- [options]

Measures gru-lm beside its peers, in rounds, each measurement in a process of its own.

  --only PARTS      some of ${parts.join(', ')}
                    (default: all but sweep)
  --sweep           hidden sizes 64 to 2048 as well
  --peers PEERS     some of ${peerNames.join(', ')} (default: all)
  --sizes SIZES     some of ${Object.keys(namedSizes).join(', ')} (default: all)
  --quick           two short rounds of seed and small, without XLA, cold and profile
  --rounds N        rounds (default 5; of cold, at least 5; of sweep, at most 3)
  --seconds S       for how long a measurement is timed, at least (default 2)
  --steps N         how many steps a measurement times, at least (default 5)
  --threads N       threads of every process (default: one a core, here ${availableParallelism()})
  --python PATH     a Python that has the peers, instead of one made for the benchmark
  --profile SIZE    only: where the time of a step goes at that size
  --json            print one JSON document with all raw figures
  --write-docs      write the tables into docs/performance.md as well
  --from FILE       measure nothing; take the results that --json printed into this file
  --help            print this
`;

/** A process's answer names each, and only so much of its output is kept. */
const MAX_STEPS = 2000;

/** Parts that a run has unless it says otherwise. */
const defaultParts = parts.filter((part) => part !== 'sweep');
const quickPeers = peerNames.filter((peer) => peer !== 'keras-xla');
const quickParts = defaultParts.filter((part) => part !== 'cold' && part !== 'profile');

/** What was asked for; undefined: help. Throws a UserError `usage` for what cannot be understood. */
export function parseOptions(args: string[]): Options | undefined {
  const given = parse(args);
  if (given.help) return undefined;
  const { quick = false, profile } = given;
  const rounds = positive('rounds', given.rounds, quick ? 2 : 5, 1, true);
  const minSeconds = positive('seconds', given.seconds, quick ? 1 : 2, 0);
  const minSteps = positive('steps', given.steps, quick ? 3 : 5, 1, true);
  const chosen = profile
    ? (['profile'] as Part[])
    : listed('only', given.only, parts, quick ? quickParts : defaultParts);
  if (given.sweep && !chosen.includes('sweep')) chosen.push('sweep');
  return {
    parts: parts.filter((part) => chosen.includes(part)),
    peers: withOurs(listed('peers', given.peers, peerNames, quick ? quickPeers : peerNames)),
    sizes: listed(
      profile ? 'profile' : 'sizes',
      profile ?? given.sizes,
      Object.keys(namedSizes),
      quick ? ['seed', 'small'] : Object.keys(namedSizes),
    ),
    rounds,
    threads: positive('threads', given.threads, availableParallelism(), 1, true),
    timing: {
      warmUpSteps: 2,
      warmUpSeconds: minSeconds / 3,
      minSteps,
      minSeconds,
      maxSteps: Math.max(minSteps, MAX_STEPS),
    },
    python: given.python,
    json: given.json ?? false,
    writeDocs: given['write-docs'] ?? false,
    from: given.from,
  };
}

function parse(args: string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    return parseArgs({
      args,
      options: {
        only: text,
        sweep: flag,
        peers: text,
        sizes: text,
        quick: flag,
        rounds: text,
        seconds: text,
        steps: text,
        threads: text,
        python: text,
        profile: text,
        json: flag,
        'write-docs': flag,
        from: text,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function listed<Name extends string>(
  flag: string,
  typed: string | undefined,
  known: readonly Name[],
  otherwise: readonly Name[],
): Name[] {
  if (typed === undefined) return [...otherwise];
  const names = typed.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !known.includes(name as Name));
  if (unknown === undefined) return known.filter((name) => names.includes(name));
  throw usage(`--${flag}: expected some of ${known.join(', ')}, found "${unknown}"`);
}

/** There is nothing to compare with unless we take part. */
function withOurs(chosen: PeerName[]): PeerName[] {
  return chosen.includes(OURS) ? chosen : [OURS, ...chosen];
}

function positive(
  flag: string,
  typed: string | undefined,
  otherwise: number,
  least: number,
  whole = false,
): number {
  return typed === undefined ? otherwise : typedNumber(flag, typed, { least, whole }, usage);
}

function usage(message: string): UserError {
  return new UserError('usage', message, 'See npm run bench -- --help.');
}
