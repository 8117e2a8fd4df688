import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { delimiter, join } from 'node:path';

/** What of this machine decides which native files can run on it. */
export interface Host {
  platform: NodeJS.Platform;
  arch: string;
  /** The version of glibc, such as `2.36`; undefined on musl and outside Linux. */
  glibc: string | undefined;
  osRelease: string;
  cpuModel: string;
  /** What code compiled for this very processor depends on: its model and the features it names. */
  processor: string;
  nodeVersion: string;
  /** What there is to see of an NVIDIA driver: its version line or its file; undefined if nothing. */
  nvidiaDriver: string | undefined;
}

/** Reads the host that this process runs on. */
export function readHost(): Host {
  const cpuModel = cpus()[0]?.model ?? 'unknown';
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: process.platform === 'linux' ? readGlibcVersion() : undefined,
    osRelease: release(),
    cpuModel,
    processor: readProcessor() ?? cpuModel,
    nodeVersion: process.versions.node,
    nvidiaDriver: process.platform === 'linux' ? findNvidiaDriver(process.env) : undefined,
  };
}

/** `linux-x64`, `darwin-arm64`: the key of a host in the table of pinned files. */
export function platformKey(host: Host): string {
  return `${host.platform}-${host.arch}`;
}

/** True if the dotted number `found` is at least `needed`. */
export function isAtLeast(found: string, needed: string): boolean {
  const [foundParts, neededParts] = [found, needed].map((text) => text.split('.').map(Number));
  for (const [i, part] of neededParts!.entries()) {
    const difference = (foundParts![i] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The first processor's lines in /proc/cpuinfo; a large machine takes long to make all of it. */
function readProcessor(): string | undefined {
  try {
    const file = openSync('/proc/cpuinfo', 'r');
    try {
      const buffer = Buffer.alloc(1 << 14);
      const lines = buffer.toString('latin1', 0, readSync(file, buffer)).split('\n');
      const find = (name: string) => lines.find((line) => line.startsWith(name)) ?? '';
      return `${find('model name')}\n${find('flags')}`;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function readGlibcVersion(): string | undefined {
  const report = process.report.getReport() as unknown as {
    header?: { glibcVersionRuntime?: string };
  };
  return report.header?.glibcVersionRuntime;
}

function findNvidiaDriver(env: NodeJS.ProcessEnv): string | undefined {
  const versionFile = '/proc/driver/nvidia/version';
  if (existsSync(versionFile))
    return readFileSync(versionFile, 'utf8').split('\n')[0] ?? versionFile;
  // Under WSL and in some containers only the library of the driver is visible.
  const directories = [
    ...(env.LD_LIBRARY_PATH?.split(delimiter) ?? []),
    '/usr/lib/wsl/lib',
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
  ];
  return directories
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, 'libcuda.so.1'))
    .find((path) => existsSync(path));
}
