
/** `npm run build`: makes dist/, which only a packed package uses. */
import { fileURLToPath } from 'node:url';
import { buildDistribution } from './distribution.ts';

await buildDistribution(fileURLToPath(new URL('../dist', import.meta.url)));
