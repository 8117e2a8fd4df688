/** `npm run prebuilds` (a script called prebuild would run before each build): makes prebuilds/, which `npm pack` puts into the package. */
import { fileURLToPath } from 'node:url';
import { summarizeOperations } from '../src/runtime/examine.ts';
import { prebuild } from './prebuilds.ts';
import { tryPrebuilds } from './try-prebuilds.ts';

const directory = fileURLToPath(new URL('../prebuilds', import.meta.url));
const { binding, stderrGate, operations, minimumGlibc, compiler } = await prebuild(
  directory,
  (step) => console.log(`compiling ${step}`),
);
console.log(`${directory}, by ${compiler}, for glibc ${minimumGlibc} and newer:`);
for (const { file, bytes } of [binding, stderrGate, ...operations]) {
  console.log(`${String(bytes).padStart(9)} ${file}`);
}
const tried = await tryPrebuilds(directory);
for (const { level } of operations) {
  const found = tried.find((each) => each.level === level)?.found;
  const result = found
    ? `tried here: ${summarizeOperations(found)}`
    : 'not tried: this processor lacks it';
  console.log(`${level} was ${result}`);
}
