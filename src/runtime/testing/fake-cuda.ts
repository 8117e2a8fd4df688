import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CudaPin, cudaPins, openedLibraries } from '../cuda-pins.ts';
import type { WheelPin } from '../pins.ts';
import type { Workshop } from './fake-machine.ts';

/** The entries of the RUNPATH of 2.21.0's libtensorflow_framework.so.2 that lead to NVIDIA's, each once (`readelf -d`). */
const runPath = [
  'nccl',
  'cuda_cupti',
  'cublas',
  'cudnn',
  'cufft',
  'cusparse',
  'cuda_runtime',
  'nvshmem',
]
  .flatMap((name) => [`$ORIGIN/../../nvidia/${name}/lib`, `$ORIGIN/../nvidia/${name}/lib`])
  .join(':');

const opened = Object.entries(openedLibraries)
  .filter(([name]) => name !== 'nvjitlink')
  .flatMap(([, files]) => files);

/** As TensorFlow's: opens each library by its name alone, from a library with that RUNPATH; says which it did not find. */
const frameworkSource = `
#include <dlfcn.h>
#include <string>
extern "C" const char *missing() {
  static std::string names;
  names.clear();
  for (const char *name : {${opened.map((name) => `"${name}"`).join(', ')}}) {
    if (!dlopen(name, RTLD_NOW)) names += std::string(names.empty() ? "" : " ") + name;
  }
  return names.c_str();
}`;

/** What the fakes are made of: a library that opens others as TensorFlow does, and one to be opened. */
export class FakeLibraries {
  readonly framework: Buffer;
  readonly nvidia: Buffer;

  constructor(private readonly shop: Workshop) {
    const rpath = `-Wl,--enable-new-dtags,-rpath,${runPath}`;
    this.framework = this.compile('framework', frameworkSource, [rpath, '-ldl']);
    this.nvidia = this.compile('nvidia', 'int nothing;', []);
  }

  private compile(name: string, source: string, flags: string[]): Buffer {
    const path = join(this.shop.root, `${name}.so`);
    const input = this.shop.file(`${name}.cc`, source);
    execFileSync('c++', ['-shared', '-fPIC', '-o', path, input, ...flags]);
    return readFileSync(path);
  }

  /** The libraries that TensorFlow opens and does not find, when it is loaded from this path. */
  missingFrom(framework: string): string {
    const script =
      'import ctypes, sys; f = ctypes.CDLL(sys.argv[1]).missing; f.restype = ctypes.c_char_p; print(f().decode())';
    const env = { ...process.env, LD_LIBRARY_PATH: '' };
    return execFileSync('python3', ['-c', script, framework], { env, encoding: 'utf8' }).trim();
  }

  /** The files of an installed package `tensorflow[and-cuda]`; gives back the directory of `tensorflow`. */
  install(site: string, names = Object.keys(openedLibraries)): string {
    this.shop.file(`${site}/tensorflow/include/tensorflow/c/c_api.h`, '');
    this.shop.file(`${site}/tensorflow/libtensorflow_cc.so.2`, 'cc');
    this.shop.file(`${site}/tensorflow/libtensorflow_framework.so.2`, this.framework);
    this.shop.file(
      `${site}/tensorflow/python/platform/build_info.py`,
      `build_info = collections.OrderedDict([('cuda_version', '12.5.1'), ('is_cuda_build', True)])`,
    );
    for (const [name, files] of Object.entries(openedLibraries)) {
      if (!names.includes(name)) continue;
      for (const file of files) {
        this.shop.file(`${site}/nvidia/${name}/lib/${file}`, this.nvidia);
      }
    }
    return join(this.shop.root, site, 'tensorflow');
  }
}

/** Small wheels with the names and members of the real ones, the pin for them, and a Python whose pip has them. */
export interface FakeCuda {
  pin: CudaPin;
  /** `log` receives what is asked for, a requirement a line; what begins with `failing` is not delivered. */
  python(options?: { log?: string; failing?: string }): string;
}

/** Packs them. */
export function fakeCuda(shop: Workshop, libraries: FakeLibraries): FakeCuda {
  const real = cudaPins[0]!;
  const directory = shop.directory('cuda-wheels');
  const pack = <Pin extends WheelPin>(pin: Pin): Pin => {
    const members = Object.entries(pin.members).map(([member, kept]): [string, Buffer | string] => {
      if (kept === 'libtensorflow_framework.so.2') return [member, libraries.framework];
      return [member, kept.includes('.so') ? libraries.nvidia : `${kept}\n`];
    });
    const other = `${pin.project.replaceAll('-', '/')}/not-kept.so.1`;
    const headers = Object.keys(pin.prefixes).slice(0, 1);
    const all = Object.fromEntries([
      ...members,
      ...headers.map((prefix) => [`${prefix}c_api.h`, '// c_api\n']),
      [other, 'no\n'],
    ]) as Record<string, Buffer | string>;
    return { ...pin, ...shop.packWheel(directory, pin, all) };
  };
  return {
    pin: {
      ...real,
      tensorflow: pack(real.tensorflow),
      libraries: real.libraries.map(pack),
    },
    python: ({ log = '/dev/null', failing = 'none' } = {}) =>
      shop.file(
        `bin/cuda-python-${createHash('sha256')
          .update(log + failing)
          .digest('hex')
          .slice(0, 8)}`,
        `#!/bin/sh
[ "$3" = download ] || { echo '{"version": "3.12.0", "pip": "25.0", "tensorflow": null}'; exit 0; }
while [ $# -gt 0 ]; do [ "$1" = -d ] && dest=$2; [ "$1" = -r ] && read -r wanted < "$2"; shift; done
name=$(echo "$wanted" | sed 's/==.*//; s/-/_/g')
echo "$name" >> '${log}'
case "$name" in '${failing}'*) echo 'ERROR: no such wheel' >&2; exit 1;; esac
cp '${directory}'/"$name"-[0-9]*.whl "$dest"
`,
        0o755,
      ),
  };
}

/** A directory with an nvidia-smi that prints these lines for the fields that it is asked for; an old one knows fewer. */
export function fakeNvidiaSmi(
  shop: Workshop,
  gpus: { capability: string; driver?: string; total?: number; free?: number; name?: string }[],
  { isOld = false } = {},
): string {
  const lines = gpus.map(
    ({ capability, driver = '570.86.15', total = 24_564, free = total, name = 'NVIDIA L4' }, i) =>
      [capability, i, `GPU-${i}a2b3c4d`, driver, total, free, name].join(', '),
  );
  const key = createHash('sha256')
    .update(JSON.stringify([lines, isOld]))
    .digest('hex')
    .slice(0, 8);
  const refuse = `case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac`;
  const path = shop.file(
    `smi-${key}/nvidia-smi`,
    `#!/bin/sh
${isOld ? refuse : ''}
cat <<'END'
${lines.map((line) => (isOld ? line.split(', ').slice(1).join(', ') : line)).join('\n')}
END
`,
    0o755,
  );
  return dirname(path);
}
