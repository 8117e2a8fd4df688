import { execFileSync } from 'node:child_process';
import { createHash, randomFillSync, randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ContextParts, createContext, type RuntimeContext } from '../context.ts';
import type { RuntimeEvent } from '../events.ts';
import { readHost } from '../host.ts';
import {
  type OneDnnPin,
  oneDnnPins,
  type TensorflowPin,
  tensorflowPins,
  type WheelPin,
} from '../pins.ts';
import type { ChildResult } from '../process.ts';

/** Small wheels in a directory of their own, and the pins that name them. */
export interface FakeWheel {
  directory: string;
  /** That of TensorFlow. */
  path: string;
  pin: TensorflowPin;
  oneDnn: OneDnnPin;
}

/** What the fake pip delivers in place of a wheel. */
export type Delivery =
  | 'wheel'
  | 'altered'
  | 'truncated'
  | 'page'
  | 'stuck'
  | 'disk-full'
  | 'nothing';

const realOneDnn = oneDnnPins[0]!;

/** Removed when the tests of a file are over. */
export class Workshop {
  readonly root = mkdtempSync(join(tmpdir(), 'gru-lm-runtime-'));

  /** A fresh directory. */
  directory(name: string): string {
    const path = join(this.root, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Writes a file, with its directories. */
  file(name: string, text: string | Buffer, mode = 0o644): string {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  /** Writes a program unless it is there: to write one that runs makes its next start fail. */
  private program(name: string, text: string): string {
    const path = join(this.root, 'bin', name);
    const isThere = existsSync(path) && readFileSync(path, 'utf8') === text;
    return isThere ? path : this.file(join('bin', name), text, 0o755);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Makes wheels with the members that the real ones have, but tiny libraries; of TensorFlow, that of `real`. */
  wheel(name = 'wheel', libraryBytes = 600_000, real = tensorflowPins[0]!): FakeWheel {
    const directory = this.directory(name);
    const library = randomFillSync(Buffer.alloc(libraryBytes));
    const tensorflow = this.packWheel(directory, real, {
      [`tensorflow/${real.ccLibrary}`]: library,
      [`tensorflow/${real.frameworkLibrary}`]: 'framework',
      'tensorflow/include/tensorflow/c/c_api.h': '// c_api\n',
      'tensorflow/include/tensorflow/core/other.h': '// not needed\n',
      'tensorflow/python/run_me.py': 'raise SystemExit\n',
    });
    const wheels = realOneDnn.wheels.map((pin) => {
      const members = Object.keys(pin.members).map((member) => [member, `${member}\n`]);
      const other = `${pin.project}.data/data/lib/cmake/dnnl/dnnl-config.cmake`;
      return this.packWheel(directory, pin, { ...Object.fromEntries(members), [other]: 'no\n' });
    });
    return {
      directory,
      path: join(directory, real.file),
      pin: { ...real, ...tensorflow, unpackedBytes: libraryBytes + 18 },
      oneDnn: { ...realOneDnn, wheels },
    };
  }

  /** Packs a wheel with these members under the pin's name, and gives back the pin for it. */
  packWheel(directory: string, pin: WheelPin, members: Record<string, string | Buffer>) {
    const tree = `${pin.file}-${randomUUID()}`;
    const info = `${pin.project.replaceAll('-', '_')}-${pin.version}.dist-info`;
    const all = {
      ...members,
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${pin.project}\nVersion: ${pin.version}\n`,
      [`${info}/WHEEL`]: 'Wheel-Version: 1.0\n',
      [`${info}/RECORD`]: '',
    };
    for (const [path, text] of Object.entries(all)) this.file(`${tree}/${path}`, text);
    const path = join(directory, pin.file);
    const cwd = join(this.root, tree);
    execFileSync('python3', ['-m', 'zipfile', '-c', path, ...readdirSync(cwd)], { cwd });
    const bytes = readFileSync(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { ...pin, bytes: bytes.length, sha256, unpackedBytes: 1000 };
  }

  /**
   * A compiler that writes its output at once; or, if `isStuck`, its process id in `marker`, and
   * stays. `log` receives what it was called with.
   */
  compiler(name = 'fake-c++', { isStuck = false, marker = '', log = '/dev/null' } = {}): string {
    const stay = isStuck ? `echo half > "$out"; echo $$ >> '${marker}'; exec sleep 60` : '';
    return this.program(
      name,
      `#!/bin/sh
[ "$1" = --version ] && { echo 'fake c++ 1.0'; exit 0; }
echo "$*" >> '${log}'
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
${stay}
echo addon > "$out"
`,
    );
  }

  /**
   * A Python whose pip delivers `delivery` for TensorFlow, and `oneDnn` for the library of oneDNN;
   * `marker` receives its process id if it gets stuck.
   */
  python(
    wheel: FakeWheel,
    delivery: Delivery,
    { marker = '', oneDnn = 'wheel' }: { marker?: string; oneDnn?: Delivery } = {},
  ): string {
    const [library, headers] = wheel.oneDnn.wheels.map(({ file }) => join(wheel.directory, file));
    return this.program(
      `python-${delivery}-${oneDnn}-${wheel.pin.sha256.slice(0, 8)}`,
      `#!/bin/sh
[ "$3" = download ] || { echo '{"version": "3.12.0", "pip": "25.0", "tensorflow": null}'; exit 0; }
while [ $# -gt 0 ]; do [ "$1" = -d ] && dest=$2; [ "$1" = -r ] && read -r wanted < "$2"; shift; done
case "$wanted" in
onednn-cpu-gomp*) ${deliver(library!, oneDnn, marker)} ;;
onednn-devel*) ${deliver(headers!, 'wheel', marker)} ;;
*) ${deliver(wheel.path, delivery, marker)} ;;
esac
`,
    );
  }

  /** A context on a fake machine: its own cache, compiler and Python, and the wheel's pin. */
  context(
    wheel: FakeWheel,
    { env = {}, ...parts }: ContextParts & { env?: Record<string, string> } = {},
  ): RuntimeContext & { events: RuntimeEvent[] } {
    const events: RuntimeEvent[] = [];
    const settings = {
      PATH: process.env.PATH,
      CXX: this.compiler(),
      GRU_LM_PYTHON: this.python(wheel, 'wheel'),
      ...env,
    };
    const context = createContext({
      host: { ...readHost(), platform: 'linux', arch: 'x64', glibc: '2.36' },
      pins: [wheel.pin],
      oneDnnPins: [wheel.oneDnn],
      cacheDirectory: join(mkdtempSync(join(this.root, 'cache-')), 'runtime'),
      env: settings,
      onEvent: (event) => events.push(event),
      ...parts,
    });
    return { ...context, events };
  }
}

/** How a child ends that did not answer in time. */
export const outOfTime: ChildResult = {
  code: null,
  signal: 'SIGTERM',
  stdout: '',
  stderr: '',
  timedOut: true,
};

/** The shell command by which the fake pip delivers a wheel, or what is asked for in its place. */
function deliver(path: string, delivery: Delivery, marker: string): string {
  const name = basename(path);
  return {
    wheel: `cp '${path}' "$dest/${name}"`,
    altered: `cp '${path}' "$dest/${name}"; printf X | dd of="$dest/${name}" bs=1 seek=99 conv=notrunc 2>/dev/null`,
    truncated: `head -c 1000 '${path}' > "$dest/${name}"`,
    page: `echo '<!DOCTYPE html><title>Sign in</title>' > "$dest/${name}"`,
    stuck: `head -c 1000 '${path}' > "$TMPDIR/${name}"; echo $$ > '${marker}'; exec sleep 60`,
    'disk-full': `echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1`,
    nothing: ':',
  }[delivery];
}
