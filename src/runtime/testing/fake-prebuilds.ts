import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { PrebuiltFile, PrebuiltManifest } from '../prebuilt.ts';
import type { Workshop } from './fake-machine.ts';

/** A binding as far as first loads use it: the product and the losses that they expect. */
const goodBinding = `
  const sum = [...Array(48).keys()].reduce((total, v) => total + Math.exp((v % 32) / 32), 0);
  const losses = [0, 5, 31, 15].map((v) => Math.log(sum) - v / 32);
  exports.TF_Version = '2.21.0';
  exports.isUsingGpuDevice = () => false;
  exports.createTensor = () => 0;
  exports.executeOp = (name) => (name === 'MatMul' ? [{ id: 1 }] : [{}, { id: 2 }]);
  exports.tensorDataSync = (id) => (id === 1 ? [7, 10, 15, 22] : losses);
`;
const goodOperations = `module.exports = { oneDnnVersion: '3.2.0', instructionSet: 'avx2', fastBfloat16: false };`;

/** What the fake addons do: JavaScript, which Node.js loads in the same way. */
export interface FakePrebuilds {
  binding?: string;
  /** By levels. */
  operations?: Record<string, string>;
  minimumGlibc?: string;
  /** Files that are not what the manifest says. */
  damaged?: readonly string[];
}

/** A directory of prebuilt addons for linux-x64, as a package has it; all of them work unless told otherwise. */
export function fakePrebuilds(
  shop: Workshop,
  {
    binding = goodBinding,
    operations = {
      'x86-64-v3': goodOperations,
      'x86-64-v4': goodOperations,
      'x86-64-v4-bf16': goodOperations,
    },
    minimumGlibc = '2.31',
    damaged = [],
  }: FakePrebuilds = {},
): string {
  const name = `prebuilds-${randomUUID()}`;
  const write = (file: string, source: string): PrebuiltFile => {
    // Nobody's files are those of another test: what is found out about them is kept by their hashes.
    const text = `// ${name}\n${source}`;
    const bytes = Buffer.byteLength(text);
    const sha256 = createHash('sha256').update(text).digest('hex');
    shop.file(join(name, 'linux-x64', file), damaged.includes(file) ? 'damaged' : text);
    return { file, bytes, sha256 };
  };
  const manifest: PrebuiltManifest = {
    format: 1,
    platform: 'linux-x64',
    minimumGlibc,
    tensorflow: '2.21.0',
    oneDnn: '2023.2.0',
    compiler: 'fake c++ 1.0',
    sources: 'none',
    binding: write('binding.js', binding),
    stderrGate: write('gate.js', ''),
    operations: Object.entries(operations).map(([level, source]) => ({
      level,
      ...write(`${level}.js`, source),
    })),
  };
  shop.file(join(name, 'linux-x64', 'manifest.json'), JSON.stringify(manifest));
  return join(shop.root, name);
}
