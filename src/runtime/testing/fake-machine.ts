import { execFileSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ContextParts, createContext, type RuntimeContext } from '../context.ts';
import type { RuntimeEvent } from '../events.ts';
import { readHost } from '../host.ts';
import { type WheelPin, wheelPins } from '../pins.ts';

/** A small wheel in a directory of its own, and the pin that names it. */
export interface FakeWheel {
  directory: string;
  path: string;
  pin: WheelPin;
}

/** What the fake pip delivers in place of the wheel. */
export type Delivery =
  | 'wheel'
  | 'altered'
  | 'truncated'
  | 'page'
  | 'stuck'
  | 'disk-full'
  | 'nothing';

const real = wheelPins[0]!;

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

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Makes a wheel with the members that the real one has, but two tiny libraries. */
  wheel(name = 'wheel', libraryBytes = 600_000): FakeWheel {
    const tree = `${name}-tree`;
    const info = 'tensorflow_cpu-2.21.0.dist-info';
    const library = randomFillSync(Buffer.alloc(libraryBytes));
    this.file(`${tree}/tensorflow/${real.ccLibrary}`, library);
    this.file(`${tree}/tensorflow/${real.frameworkLibrary}`, 'framework');
    this.file(`${tree}/tensorflow/include/tensorflow/c/c_api.h`, '// c_api\n');
    this.file(`${tree}/tensorflow/include/tensorflow/core/other.h`, '// not needed\n');
    this.file(`${tree}/tensorflow/python/run_me.py`, 'raise SystemExit\n');
    this.file(`${tree}/${info}/METADATA`, metadata);
    this.file(`${tree}/${info}/WHEEL`, 'Wheel-Version: 1.0\nTag: cp312-cp312-any\n');
    this.file(`${tree}/${info}/RECORD`, '');
    const directory = this.directory(name);
    const path = join(directory, real.file);
    execFileSync('python3', ['-m', 'zipfile', '-c', path, 'tensorflow', info], {
      cwd: join(this.root, tree),
    });
    const bytes = readFileSync(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const unpackedBytes = libraryBytes + 18;
    return { directory, path, pin: { ...real, bytes: bytes.length, sha256, unpackedBytes } };
  }

  /** A compiler that writes its output at once; or, if `isStuck`, its process id in `marker`, and stays. */
  compiler(name = 'fake-c++', { isStuck = false, marker = '' } = {}): string {
    const stay = isStuck ? `echo half > "$out"; echo $$ >> '${marker}'; exec sleep 60` : '';
    return this.file(
      `bin/${name}`,
      `#!/bin/sh
[ "$1" = --version ] && { echo 'fake c++ 1.0'; exit 0; }
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
${stay}
echo addon > "$out"
`,
      0o755,
    );
  }

  /** A Python whose pip delivers `delivery`; `marker` receives its process id if it gets stuck. */
  python(wheel: FakeWheel, delivery: Delivery, marker = ''): string {
    const name = wheel.pin.file;
    const deliver = {
      wheel: `cp '${wheel.path}' "$dest/${name}"`,
      altered: `cp '${wheel.path}' "$dest/${name}"; printf X | dd of="$dest/${name}" bs=1 seek=99 conv=notrunc 2>/dev/null`,
      truncated: `head -c 1000 '${wheel.path}' > "$dest/${name}"`,
      page: `echo '<!DOCTYPE html><title>Sign in</title>' > "$dest/${name}"`,
      stuck: `head -c 1000 '${wheel.path}' > "$TMPDIR/${name}"; echo $$ > '${marker}'; exec sleep 60`,
      'disk-full': `echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1`,
      nothing: ':',
    }[delivery];
    return this.file(
      `bin/python-${delivery}-${wheel.pin.sha256.slice(0, 8)}`,
      `#!/bin/sh
[ "$1" = -c ] && { echo '{"version": "3.12.0", "pip": "25.0", "tensorflow": null}'; exit 0; }
while [ $# -gt 0 ]; do [ "$1" = -d ] && dest=$2; shift; done
${deliver}
`,
      0o755,
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
      cacheDirectory: join(mkdtempSync(join(this.root, 'cache-')), 'runtime'),
      env: settings,
      onEvent: (event) => events.push(event),
      ...parts,
    });
    return { ...context, events };
  }
}

const metadata = `Metadata-Version: 2.1
Name: tensorflow-cpu
Version: 2.21.0
`;
