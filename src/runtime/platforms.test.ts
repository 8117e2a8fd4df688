import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readHost } from './host.ts';
import { oneDnnPins, requirePin, tensorflowPins } from './pins.ts';
import { provision } from './provision.ts';
import { Workshop } from './testing/fake-machine.ts';

const shop = new Workshop();
afterAll(() => shop.remove());

const hosts = {
  'linux-x64': { platform: 'linux', arch: 'x64', glibc: '2.36' },
  'linux-arm64': { platform: 'linux', arch: 'arm64', glibc: '2.36' },
  'darwin-arm64': { platform: 'darwin', arch: 'arm64', glibc: undefined },
} as const;
type Platform = keyof typeof hosts;

/** A first run on such a machine, as far as fake wheels and a fake compiler go, and the compiler's calls. */
async function firstRun(platform: Platform, withOneDnn = false) {
  const pin = tensorflowPins.find((each) => each.platform === platform)!;
  const wheel = shop.wheel(`${platform}-${withOneDnn}`, 1000, pin);
  const log = join(shop.root, `${platform}-${withOneDnn}.log`);
  const context = shop.context(wheel, {
    host: { ...readHost(), ...hosts[platform] },
    ...(withOneDnn && { oneDnnPins: [{ ...wheel.oneDnn, platform }] }),
    env: { CXX: shop.compiler(`c++-${platform}-${withOneDnn}`, { log }) },
  });
  const { binding, operations } = await provision(context, 'cpu');
  const calls = readFileSync(log, 'utf8').split('\n');
  return { binding, operations, call: (name: string) => calls.find((each) => each.includes(name)) };
}

describe('the wheels', () => {
  it.each(Object.keys(hosts) as Platform[])('of TensorFlow are pinned for %s', (platform) => {
    const pin = requirePin({ ...readHost(), ...hosts[platform] });
    expect(pin.platform).toBe(platform);
  });

  it.each(
    [...tensorflowPins, ...oneDnnPins.flatMap(({ wheels }) => wheels)].map(
      (pin) => [pin.file, pin] as const,
    ),
  )('%s is named as its project, release and platform are', (file, pin) => {
    const { project, version, pipPlatform, sha256, bytes, unpackedBytes } = pin;
    expect(file.startsWith(`${project.replaceAll('-', '_')}-${version}-`)).toBe(true);
    expect(file.endsWith(`-${pipPlatform}.whl`)).toBe(true);
    expect(sha256).toMatch(/^[\da-f]{64}$/);
    expect(unpackedBytes).toBeGreaterThan(bytes);
  });
});

describe('a first run', () => {
  it('on Linux arm64 compiles the binding with nothing that only x86-64 knows', async () => {
    const { binding, operations, call } = await firstRun('linux-arm64');
    const libraries = basename(binding.tensorflow.directory);
    expect(libraries).toBe('tensorflow-2.21.0-linux-arm64');
    expect(call('tfjs_binding.node')).toContain(`-rpath -Xlinker $ORIGIN/../${libraries}`);
    for (const name of ['tfjs_binding.node', 'stderr_gate.node']) {
      expect(call(name)).toMatch(/^-std=c\+\+17 -O2 -fPIC -shared .*-Wl,--disable-new-dtags/);
      expect(call(name)).not.toMatch(/ -m/);
    }
    expect(operations.refusal?.reason).toMatch(/are there for linux-x64; .* is linux-arm64\.$/);
  });

  it('on macOS arm64 links as its loader wants it', async () => {
    const { binding, operations, call } = await firstRun('darwin-arm64');
    const libraries = basename(binding.tensorflow.directory);
    expect(call('tfjs_binding.node')).toMatch(
      /-undefined dynamic_lookup .*libtensorflow_cc\.2\.dylib .*libtensorflow_framework\.2\.dylib /,
    );
    expect(call('tfjs_binding.node')).toContain(`-rpath -Xlinker @loader_path/../${libraries}`);
    for (const name of ['tfjs_binding.node', 'stderr_gate.node']) {
      expect(call(name)).not.toMatch(/ -m|-dtags|\$ORIGIN/);
    }
    expect(operations.refusal?.reason).toMatch(/are there for linux-x64; .* is darwin-arm64\.$/);
  });

  it('would compile native operations for the very processor of Linux arm64', async () => {
    const { operations, call } = await firstRun('linux-arm64', true);
    expect(operations.built?.origin).toBe('compiled');
    expect(call('/addon.cc')).toContain('-O3 -mcpu=native ');
    expect(call('/addon.cc')).not.toMatch(/-march|-mprefer/);
  });
});
