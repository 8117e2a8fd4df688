import { resolve } from 'node:path';
import envPaths from 'env-paths';

/**
 * Where things that can be made again are kept: `runtime` for TensorFlow and what is built against it,
 * `text` for what was learned of texts.
 */
export function cacheDirectory(
  of: 'runtime' | 'text',
  env: NodeJS.ProcessEnv = process.env,
): string {
  const root = env.GRU_LM_CACHE || envPaths('gru-lm', { suffix: '' }).cache;
  return resolve(root, of);
}
