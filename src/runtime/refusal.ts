import { UserError } from '../errors.ts';

/** What can run a model. */
export type BackendName = 'cuda' | 'cpu' | 'wasm';

/** Why something cannot be used here, and what would change that. */
export interface Reason {
  reason: string;
  mend: string;
}

/** Why a backend cannot be used here. */
export interface Refusal extends Reason {
  backend: BackendName;
}

/** Why a backend failed, as a refusal; what neither the user nor the machine caused is thrown on. */
export function refusalOf(backend: BackendName, error: unknown): Refusal {
  return { backend, ...reasonOf(error) };
}

/** What an error says to the user; what neither the user nor the machine caused is thrown on. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof UserError) {
    return { reason: error.message, mend: error.hint ?? 'Run gru-lm doctor.' };
  }
  if (error instanceof Error && 'syscall' in error) {
    return { reason: error.message, mend: 'Mend that, then run gru-lm setup.' };
  }
  throw error;
}
