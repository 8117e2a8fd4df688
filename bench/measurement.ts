/** Measures everything that was asked for, in rounds, and collects what was found. */
import { loadavg, release, totalmem, type } from 'node:os';
import { errorMessage } from '../src/errors.ts';
import { ask } from './child.ts';
import { type ColdStart, coldSize, prepareGruLm, preparePyTorch } from './cold.ts';
import { ensurePython, frameworks } from './environment.ts';
import { thisProcessor } from './machine.ts';
import type { Options } from './options.ts';
import { labelOf, OURS, type PeerName, peerOf } from './peers.ts';
import { type Group, jobOf, planOf, profiledSizes, type Subject } from './plan.ts';
import type { Profile } from './profile.ts';
import { type Failure, figureOf, type Results } from './results.ts';
import { sizeOf } from './sizes.ts';
import { type Answer, workOf } from './work.ts';

/** Steps of a profile, after as many that are not counted. */
const PROFILED_STEPS = 20;

export async function measure(
  options: Options,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Results> {
  const measurement = new Measurement(options, say, signal);
  try {
    return await measurement.run();
  } finally {
    await measurement.dispose();
  }
}

class Measurement {
  readonly #options: Options;
  readonly #say: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly #results: Results;
  readonly #coldStarts = new Map<PeerName, ColdStart>();
  #python: string | undefined;

  constructor(options: Options, say: (line: string) => void, signal: AbortSignal) {
    this.#options = options;
    this.#say = say;
    this.#signal = signal;
    const { rounds, threads, timing } = options;
    this.#results = {
      format: 1,
      date: new Date().toISOString(),
      machine: {
        ...thisProcessor(),
        memoryBytes: totalmem(),
        loadBefore: loadavg()[0] ?? 0,
        system: `${type()} ${release()}, ${process.arch}`,
      },
      settings: { rounds, threads, minSteps: timing.minSteps, minSeconds: timing.minSeconds },
      versions: { node: process.versions.node },
      measurements: [],
      failures: [],
      profiles: [],
    };
  }

  async run(): Promise<Results> {
    const peers = await this.#availablePeers();
    const wishes = { ...this.#options, peers };
    const groups = planOf(wishes);
    if (groups.some((group) => group[0]?.part === 'cold')) await this.#prepareCold(peers);
    const rounds = Math.max(0, ...groups.flat().map((subject) => subject.rounds));
    for (let round = 1; round <= rounds; round++) {
      for (const group of groups) await this.#measureGroup(group, round, rounds);
    }
    for (const size of profiledSizes(wishes)) await this.#profile(size);
    return this.#results;
  }

  async dispose(): Promise<void> {
    for (const coldStart of this.#coldStarts.values()) await coldStart.dispose();
  }

  /** Those that can be measured; the others are recorded as missing. */
  async #availablePeers(): Promise<PeerName[]> {
    const { peers, python, parts } = this.#options;
    const inPython = peers.filter((peer) => peerOf(peer).language === 'python');
    const isNeeded = parts.some((part) => part !== 'profile' && part !== 'wasm');
    if (inPython.length === 0 || !isNeeded) return peers;
    try {
      this.#python = python ?? (await ensurePython(frameworks, this.#say, this.#signal));
      return peers;
    } catch (error) {
      for (const peer of inPython) this.#fail({ peer }, error);
      return peers.filter((peer) => !inPython.includes(peer));
    }
  }

  /** Each round goes through a group in the other direction, so that no peer is always the first. */
  async #measureGroup(group: Group, round: number, rounds: number): Promise<void> {
    for (const subject of round % 2 === 1 ? group : group.toReversed()) {
      if (round > subject.rounds || this.#hasFailed(subject)) continue;
      const { part, size, peer } = subject;
      const what = [`round ${round}/${rounds}`, part, size ?? '', labelOf(peer)].join('  ');
      try {
        const answer = part === 'cold' ? await this.#timeCold(peer) : await this.#ask(subject);
        const value = figureOf(part, size ? sizeOf(size) : undefined, answer.stepSeconds);
        this.#results.measurements.push({
          part,
          ...(size ? { size } : {}),
          peer,
          round,
          value,
          ...answer,
        });
        this.#say(`${what}  ${value.toPrecision(4)}`);
      } catch (error) {
        this.#fail({ part, ...(size ? { size } : {}), peer, round }, error);
      }
    }
  }

  async #ask({ part, size, peer }: Subject): Promise<Omit<Answer, 'versions'>> {
    const found = peerOf(peer);
    const script = found.scripts[jobOf(part) ?? 'training'] as string;
    const { timing, threads } = this.#options;
    const work = workOf(sizeOf(size ?? 'small'), timing, part === 'wasm' ? 1 : threads);
    const settings = part === 'wasm' ? { backend: 'wasm' as const } : {};
    const { versions, ...answer } = await ask<Answer>(
      found,
      script,
      { ...work, ...settings },
      { python: this.#python, signal: this.#signal },
    );
    Object.assign(this.#results.versions, versions);
    return answer;
  }

  async #timeCold(peer: PeerName): Promise<{ stepSeconds: number[] }> {
    const coldStart = this.#coldStarts.get(peer);
    if (coldStart === undefined) throw new Error('it was not prepared');
    return { stepSeconds: [await coldStart.time()] };
  }

  async #prepareCold(peers: readonly PeerName[]): Promise<void> {
    const { threads, timing } = this.#options;
    const prepare: Partial<Record<PeerName, () => Promise<ColdStart>>> = {
      [OURS]: () => prepareGruLm(threads, this.#signal),
      pytorch: () =>
        preparePyTorch(this.#python as string, workOf(coldSize, timing, threads), this.#signal),
    };
    for (const peer of peers) {
      const start = prepare[peer];
      if (start === undefined) continue;
      this.#say(`preparing the cold start of ${labelOf(peer)}`);
      try {
        this.#coldStarts.set(peer, await start());
      } catch (error) {
        this.#fail({ part: 'cold', peer }, error);
      }
    }
  }

  async #profile(size: string): Promise<void> {
    const { threads, timing } = this.#options;
    const counted = { warmUpSteps: PROFILED_STEPS, minSteps: PROFILED_STEPS };
    const work = { ...workOf(sizeOf(size), timing, threads), ...counted };
    this.#say(`profile  ${size}`);
    try {
      const { versions, ...profile } = await ask<Omit<Profile, 'size'> & Pick<Answer, 'versions'>>(
        peerOf(OURS),
        'gru-lm-profile.ts',
        work,
        { python: undefined, signal: this.#signal },
      );
      Object.assign(this.#results.versions, versions);
      this.#results.profiles.push({ size, ...profile });
    } catch (error) {
      this.#fail({ part: 'profile', size, peer: OURS }, error);
    }
  }

  #hasFailed({ part, size, peer }: Subject): boolean {
    return this.#results.failures.some(
      (failure) => failure.peer === peer && failure.part === part && failure.size === size,
    );
  }

  /** Records a failure, unless everything is to stop. */
  #fail(where: Omit<Failure, 'reason'>, error: unknown): void {
    this.#signal.throwIfAborted();
    const reason = errorMessage(error);
    this.#results.failures.push({ ...where, reason });
    const { part = 'all parts', size = '', peer } = where;
    this.#say(`${labelOf(peer)} is missing from ${[part, size].join(' ').trim()}: ${reason}`);
  }
}
