import { rm, writeFile } from 'node:fs/promises';
import { readRecord } from './probe.ts';
import type { Reason } from './refusal.ts';

/** Something of which it is kept in `failurePath` why it cannot be had. */
interface Failing {
  failurePath: string;
}

/** Keeps why something cannot be had, until gru-lm setup tries again. */
export async function recordFailure(
  { failurePath }: Failing,
  { reason, mend }: Reason,
): Promise<Reason> {
  const isWhole = mend === '' || mend.includes('gru-lm setup');
  const failure = { reason, mend: isWhole ? mend : `${mend} Then run gru-lm setup.` };
  // Where it cannot be written, the next run only tries again.
  await writeFile(failurePath, `${JSON.stringify(failure)}\n`).catch(() => {});
  return failure;
}

/** Why it could not be had, if that is recorded. */
async function readFailure({ failurePath }: Failing): Promise<Reason | undefined> {
  return await readRecord<Reason>(failurePath);
}

/** Forgets it. */
export async function forgetFailure({ failurePath }: Failing): Promise<void> {
  await rm(failurePath, { force: true }).catch(() => {});
}

/** Those that are to be tried, in their order, and why the others are not. */
export async function sortOut<T extends Failing>(
  candidates: readonly T[],
  retry: boolean,
): Promise<{ open: T[]; failures: Reason[] }> {
  const open: T[] = [];
  const failures: Reason[] = [];
  for (const candidate of candidates) {
    const failure = retry ? undefined : await readFailure(candidate);
    if (failure === undefined) open.push(candidate);
    else failures.push(failure);
  }
  return { open, failures };
}

/** One reason of several: all of what was found, and the first that would mend any of it. */
export function joinReasons(failures: readonly Reason[]): Reason {
  if (failures.length === 1) return failures[0]!;
  const sentences = failures.map(({ reason }) => (reason.endsWith('.') ? reason : `${reason}.`));
  const mend = failures.map((failure) => failure.mend).find((each) => each !== '') ?? '';
  return { reason: sentences.join(' '), mend };
}
