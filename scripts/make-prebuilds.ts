/** `npm run prebuilds` (a script called prebuild would run before each build): makes prebuilds/, which `npm pack` puts into the package. */
import { fileURLToPath } from 'node:url';
import { prebuild } from './prebuilds.ts';

const directory = fileURLToPath(new URL('../prebuilds', import.meta.url));
const { binding, stderrGate, operations, minimumGlibc, compiler } = await prebuild(directory, {
  onStep: (step) => console.log(`compiling ${step}`),
});
console.log(`${directory}, by ${compiler}, for glibc ${minimumGlibc} and newer:`);
for (const { file, bytes } of [binding, stderrGate, ...operations]) {
  console.log(`${String(bytes).padStart(9)} ${file}`);
}
