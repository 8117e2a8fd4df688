/** What a measuring process is told and what it answers: one JSON object each way. */
import type { Size } from './sizes.ts';

/** Rows and columns of the matrices whose product gives the ceiling. */
const MATRIX_SIZE = 2048;
/** Tokens of a block, which is what sampling times as one step. */
const SAMPLED_TOKENS = 32;

/** How long a process warms up, and how long it is timed. */
export interface Timing {
  /** Steps before the timed ones, at least this many for at least this long. */
  warmUpSteps: number;
  warmUpSeconds: number;
  /** Timed steps, at least this many for at least this long, unless they become too many to tell. */
  minSteps: number;
  minSeconds: number;
  maxSteps: number;
}

/** What a measuring process is told. */
export interface Work extends Size, Timing {
  threads: number;
  matrixSize: number;
  tokensPerStep: number;
  /** What computes: for PyTorch `cuda` or the processor. */
  backend: 'cuda' | 'cpu' | 'wasm';
  /** For gru-lm: what matrix products multiply. */
  precision: 'float32' | 'bfloat16';
  /** For Keras: whether XLA compiles its graph. */
  xla: boolean;
}

/** What a measuring process answers. */
export interface Answer {
  /** Seconds of each timed step. */
  stepSeconds: number[];
  /** The most memory that the process has held. */
  peakBytes: number;
  /** Versions of what computed. */
  versions: Record<string, string>;
}

/** The work of a size, as every peer gets it unless it asks for something else. */
export function workOf(size: Size, timing: Timing, threads: number): Work {
  return {
    ...size,
    ...timing,
    threads,
    matrixSize: MATRIX_SIZE,
    tokensPerStep: SAMPLED_TOKENS,
    backend: 'cpu',
    precision: 'float32',
    xla: false,
  };
}

/** Floating-point operations of the ceiling's product, in thousands of millions. */
export const productGflops = (2 * MATRIX_SIZE ** 3) / 1e9;

/** Tokens of one step of sampling. */
export const sampledTokens = SAMPLED_TOKENS;
