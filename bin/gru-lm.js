#!/usr/bin/env node
// A packed package holds built JavaScript in dist/; a checkout holds the TypeScript, run as it is.
import { existsSync } from 'node:fs';

const source = new URL('../src/cli.ts', import.meta.url);
if (existsSync(source)) {
  const { tsImport } = await import('tsx/esm/api');
  const { main } = await tsImport(source.href, import.meta.url);
  await main(process.argv);
} else {
  const { main } = await import('../dist/cli.js');
  await main(process.argv);
}
