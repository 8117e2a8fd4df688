/** What figures are told apart by: the machine that they were measured on. */
import { availableParallelism, cpus } from 'node:os';

export interface Processor {
  processor: string;
  /** As many as this process may use. */
  cores: number;
}

export function thisProcessor(): Processor {
  return { processor: cpus()[0]?.model.trim() || 'unknown', cores: availableParallelism() };
}

/** `AMD EPYC, 2 cores` */
export function describeProcessor({ processor, cores }: Processor): string {
  return `${processor}, ${cores} core${cores === 1 ? '' : 's'}`;
}
