/** A file that what was measured is kept in: a line of JSON each, only ever added to. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export class Ledger<Entry> {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** All of it; none where there is no file yet. */
  async read(): Promise<Entry[]> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Entry);
  }

  async add(entry: Entry): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await appendFile(this.#path, `${JSON.stringify(entry)}\n`);
  }
}
