/** Where what commands say goes when it is a program that runs them, and not the command line. */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface Listener {
  /** What a line of `--json` would hold. */
  json(value: object): void;
  /** What is said to the person who watches. */
  notice(message: string): void;
  /** What of a text is made, piece by piece; absent: only whole texts are wanted. */
  piece?(event: object): void;
}

const listeners = new AsyncLocalStorage<Listener>();

/** Runs `work`, of which nothing is written to the process's own output: `listener` is told instead. */
export function withListener<Result>(listener: Listener, work: () => Result): Result {
  return listeners.run(listener, work);
}

/** Who is told what is said here; undefined: it is written out. */
export function listener(): Listener | undefined {
  return listeners.getStore();
}
