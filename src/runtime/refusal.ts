import { UserError } from '../errors.ts';

/** What can run a model. */
export type BackendName = 'cuda' | 'cpu' | 'wasm';

/** Why a backend cannot be used here, and what would change that. */
export interface Refusal {
  backend: BackendName;
  reason: string;
  mend: string;
}

/** Why a backend failed, as a refusal; what neither the user nor the machine caused is thrown on. */
export function refusalOf(backend: BackendName, error: unknown): Refusal {
  if (error instanceof UserError) {
    return { backend, reason: error.message, mend: error.hint ?? 'Run gru-lm doctor.' };
  }
  if (error instanceof Error && 'syscall' in error) {
    return { backend, reason: error.message, mend: 'Mend that, then run gru-lm setup.' };
  }
  throw error;
}
