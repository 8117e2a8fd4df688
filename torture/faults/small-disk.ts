/** A file system of its own that can be filled to the last block, or made read-only. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether this process may mount one: root may, also within `unshare --user --map-root-user --mount`. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    new SmallDisk(2 ** 20).unmount();
    return true;
  } catch {
    return false;
  }
}

export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'gru-lm-disk-'));
  /** What takes up room; not within a run. */
  readonly #ballast = join(this.path, 'ballast');

  constructor(bytes: number, files = 1000) {
    try {
      this.#mount('-t', 'tmpfs', '-o', `size=${bytes},nr_inodes=${files}`, 'tmpfs', this.path);
    } catch (error) {
      rmSync(this.path, { recursive: true });
      throw error;
    }
  }

  get blockBytes(): number {
    return statfsSync(this.path).bsize;
  }

  get freeBlocks(): number {
    return statfsSync(this.path).bavail;
  }

  get freeFiles(): number {
    return statfsSync(this.path).ffree;
  }

  /** Leaves room for so many blocks. */
  fill(blocksLeft: number): void {
    this.empty();
    writeFileSync(this.#ballast, new Uint8Array((this.freeBlocks - blocksLeft) * this.blockBytes));
  }

  /** Leaves room for so many files. */
  fillWithFiles(filesLeft: number): void {
    this.empty();
    mkdirSync(this.#ballast);
    for (let i = this.freeFiles - filesLeft; i > 0; i -= 1) {
      writeFileSync(join(this.#ballast, `${i}`), '');
    }
  }

  /** Makes room again. */
  empty(): void {
    rmSync(this.#ballast, { recursive: true, force: true });
  }

  remount(access: 'ro' | 'rw'): void {
    this.#mount('-o', `remount,${access}`, this.path);
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.path], { stdio: 'pipe' });
    rmSync(this.path, { recursive: true });
  }

  #mount(...args: string[]): void {
    execFileSync('mount', args, { stdio: 'pipe' });
  }
}
