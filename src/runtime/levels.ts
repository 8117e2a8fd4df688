import { UserError } from '../errors.ts';
import type { RuntimeContext } from './context.ts';

/** A set of instructions that an addon is compiled for ahead of time. */
export interface Level {
  /** As compilers call it, where they have a name for it. */
  name: string;
  compilerFlags: readonly string[];
  /** What the flags line of /proc/cpuinfo has on each processor that runs such code. */
  features: readonly string[];
}

/** Compilers by themselves keep to half of the vectors of 512 bits, which oneDNN uses whole. */
const fourthFlags = ['-march=x86-64-v4', '-mprefer-vector-width=512'];

const third = 'sse4_1 sse4_2 ssse3 popcnt cx16 avx avx2 bmi1 bmi2 f16c fma abm movbe'.split(' ');
const fourth = [...third, 'avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'];

/**
 * What is worth code of its own, the best first. Tiles (AMX) come with the code for bfloat16: it asks the
 * processor for them as it runs. TensorFlow itself starts on no processor without AVX.
 */
export const levels: readonly Level[] = [
  {
    name: 'x86-64-v4-bf16',
    compilerFlags: [...fourthFlags, '-mavx512bf16', '-mamx-tile', '-mamx-bf16'],
    features: [...fourth, 'avx512_bf16'],
  },
  { name: 'x86-64-v4', compilerFlags: fourthFlags, features: fourth },
  { name: 'x86-64-v3', compilerFlags: ['-march=x86-64-v3'], features: third },
];

/** The levels that a processor runs, the best first; `processor` has the flags line of /proc/cpuinfo. */
export function levelsOf(processor: string): Level[] {
  const has = new Set(processor.split(/\s+/));
  return levels.filter(({ features }) => features.every((feature) => has.has(feature)));
}

/**
 * The levels to choose among, the best first: those that the processor runs, or the one that GRU_LM_PREBUILT
 * names, whatever the processor. A `UserError` if it names none.
 */
export function levelsFor({ env, host }: RuntimeContext): Level[] {
  const named = env.GRU_LM_PREBUILT ?? '';
  if (named === '' || named === '1') return levelsOf(host.processor);
  const level = levels.find(({ name }) => name === named);
  if (level !== undefined) return [level];
  throw new UserError(
    'runtime-prebuilt',
    `GRU_LM_PREBUILT should be 0 or one of ${levels.map(({ name }) => name).join(', ')}; it is "${named}".`,
    'Unset it to have the best that came with the package for this processor.',
  );
}
