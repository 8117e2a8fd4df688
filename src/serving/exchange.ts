/** A request to the API on its way to an answer. */
import type { ServerResponse } from 'node:http';
import type { GenerationQueue } from './generation-queue.ts';
import type { Limits } from './limits.ts';
import type { ServedModel } from './served-model.ts';

/** What a server answers with. */
export interface Service {
  readonly model: ServedModel;
  readonly queue: GenerationQueue;
  readonly limits: Limits;
}

export interface Exchange {
  readonly response: ServerResponse;
  /** Aborts when the client is gone, or the server is to end. */
  readonly signal: AbortSignal;
  /** Tokens read and made for it so far. */
  readonly tokens: { prompt: number; made: number };
}
