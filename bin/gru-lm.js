#!/usr/bin/env node
// A packed package holds built JavaScript in dist/; a checkout holds the TypeScript, run as it is.
import { existsSync } from 'node:fs';

const source = new URL('../src/cli.ts', import.meta.url);
const built = new URL('../dist/cli.js', import.meta.url);
const oldestNode = '20.12';

if (isOlder(process.versions.node, oldestNode)) {
  fail(`gru-lm needs Node.js ${oldestNode} or newer; this is ${process.version}.`);
} else if (existsSync(source)) {
  await runSource();
} else if (existsSync(built)) {
  const { main } = await import(built.href);
  await main(process.argv);
} else {
  fail(
    'this copy of gru-lm lacks dist/: it was packed without being built.',
    'In a checkout, npm ci && npm pack makes a whole one (scripts must not be turned off).',
  );
}

async function runSource() {
  let tsImport;
  try {
    ({ tsImport } = await import('tsx/esm/api'));
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    fail('the dependencies of this checkout are not installed.', 'Run npm ci in it first.');
    return;
  }
  const { main } = await tsImport(source.href, import.meta.url);
  await main(process.argv);
}

/** Whether one version comes before another: `20.9.0` before `20.12`. */
function isOlder(version, oldest) {
  return version.localeCompare(oldest, 'en', { numeric: true }) < 0;
}

function fail(message, hint = '') {
  process.stderr.write(`error: ${message}\n${hint && `  ${hint}\n`}`);
  process.exitCode = 1;
}
