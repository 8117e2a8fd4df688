/** The file that results are kept in: a line of JSON a run, only ever added to. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Result } from './results.ts';

export class Ledger {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** All results; none where there is no file yet. */
  async read(): Promise<Result[]> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Result);
  }

  async add(result: Result): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await appendFile(this.#path, `${JSON.stringify(result)}\n`);
  }
}
