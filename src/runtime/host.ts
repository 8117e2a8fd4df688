import { existsSync, readFileSync } from 'node:fs';
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
  nodeVersion: string;
  /** What there is to see of an NVIDIA driver: its version line or its file; undefined if nothing. */
  nvidiaDriver: string | undefined;
}

/** Reads the host that this process runs on. */
export function readHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: process.platform === 'linux' ? readGlibcVersion() : undefined,
    osRelease: release(),
    cpuModel: cpus()[0]?.model ?? 'unknown',
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
