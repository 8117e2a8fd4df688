/** A set of instructions that an addon is compiled for ahead of time. */
export interface Level {
  /** As compilers call it, where they have a name for it. */
  name: string;
  compilerFlags: readonly string[];
  /** What the flags line of /proc/cpuinfo has on each processor that runs such code. */
  features: readonly string[];
}

const third = 'sse4_1 sse4_2 ssse3 popcnt cx16 avx avx2 bmi1 bmi2 f16c fma abm movbe'.split(' ');
const fourth = [...third, 'avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'];

/**
 * What is worth code of its own, the best first. Tiles (AMX) come with the code for bfloat16: it asks the
 * processor for them as it runs. TensorFlow itself starts on no processor without AVX.
 */
export const levels: readonly Level[] = [
  {
    name: 'x86-64-v4-bf16',
    compilerFlags: ['-march=x86-64-v4', '-mavx512bf16', '-mamx-tile', '-mamx-bf16'],
    features: [...fourth, 'avx512_bf16'],
  },
  { name: 'x86-64-v4', compilerFlags: ['-march=x86-64-v4'], features: fourth },
  { name: 'x86-64-v3', compilerFlags: ['-march=x86-64-v3'], features: third },
];

/** The levels that a processor runs, the best first; `processor` has the flags line of /proc/cpuinfo. */
export function levelsOf(processor: string): Level[] {
  const has = new Set(processor.split(/\s+/));
  return levels.filter(({ features }) => features.every((feature) => has.has(feature)));
}
