/**
 * Exports small models of all kinds for PyTorch, and runs each by its own `model.py` under a real PyTorch: the
 * logits and states must be those that gru-lm's own operations give.
 *
 *     npm run check:pytorch -- --python <python with torch and safetensors> [--write]
 *
 * PyTorch takes minutes to install, so this is no part of `npm run check`. With `--write` the hashes of the files
 * that were found right are kept in src/export/fixtures, where a test finds that they are still those.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pytorchFiles } from '../src/export/pytorch.ts';
import { expectedOf, SMALL_CONFIGS, smallModel } from '../src/export/testing/small-models.ts';
import { writeExport } from '../src/export/testing/write-export.ts';
import { selectBackend } from '../src/runtime/backend.ts';

const FIXTURE = new URL('../src/export/fixtures/pytorch-sources.json', import.meta.url);

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    write: { type: 'boolean', default: false },
  },
});
const root = mkdtempSync(join(tmpdir(), 'gru-lm-pytorch-'));
try {
  await selectBackend('wasm');
  const directories = Object.entries(SMALL_CONFIGS).flatMap(([kind, config]) =>
    (['none', 'int8', 'float16'] as const).map((quantization) => {
      const model = smallModel(config, quantization);
      const directory = join(root, `${kind}, ${quantization}`);
      writeExport(directory, pytorchFiles(model), expectedOf(model));
      return directory;
    }),
  );
  const script = fileURLToPath(new URL('check-pytorch-export.py', import.meta.url));
  const { status, stdout } = spawnSync(values.python, [script, ...directories], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  process.stdout.write(stdout);
  process.exitCode = status ?? 1;
  if (values.write && status === 0) {
    const sources = directories.map((directory) => {
      const source = readFileSync(join(directory, 'model.py'));
      return [basename(directory), createHash('sha256').update(source).digest('hex')] as const;
    });
    const says = stdout.trimEnd().split('\n').at(-1);
    const madeBy = `scripts/check-pytorch-export.ts: ${says}`;
    const fixture = { madeBy, sources: Object.fromEntries(sources) };
    writeFileSync(FIXTURE, `${JSON.stringify(fixture, null, 1)}\n`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
