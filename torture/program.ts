import { fileURLToPath } from 'node:url';

/**
 * `gru-lm`, for Node.js to run: what the tests' set-up has built, which starts three times as fast, else
 * the checkout's own.
 */
export const PROGRAM =
  process.env.GRU_LM_TEST_PROGRAM ?? fileURLToPath(new URL('../bin/gru-lm.js', import.meta.url));
