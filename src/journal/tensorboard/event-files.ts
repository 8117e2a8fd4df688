/** TensorBoard's event files of a run: one for each session, in a directory. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, rm, rmdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { errorMessage, UserError } from '../../errors.ts';
import { makeDirectories } from '../../make-directories.ts';
import type { JournalEvent } from '../events.ts';
import { encodeScalars, encodeStart, encodeText, encodeVersion } from './event.ts';
import { framed } from './records.ts';

const EVENT_FILE = /^events\.out\.tfevents\.(\d+)\..*$/;
/** What is written here: seconds, host, process and, outside of the run's own directory, the run. */
const OURS = /^events\.out\.tfevents\.\d+\.[\w-]*\.\d+(?:\.([0-9a-f]{16}))?\.gru-lm$/;
/** TensorBoard looks for more every five seconds. */
const WRITE_EVERY_MS = 2000;

export interface EventFilesUse {
  /** The step that the run goes on from; undefined: it begins. */
  readonly resumedAtStep?: number | undefined;
  /** The run's {@link runId}; undefined: the directory is its own, and moves with it. */
  readonly run?: string | undefined;
  /** Whether a run that begins takes the place of an earlier one of the same id, whose files then go. */
  readonly replaces?: boolean | undefined;
  /** Called once, when no more can be written; the run goes on without. */
  readonly onFailure: (error: UserError) => void;
}

export class EventFiles {
  readonly #directory: string;
  readonly #onFailure: (error: UserError) => void;
  readonly #path: string;
  readonly #file: FileHandle;
  /** Of runs that this one replaces. */
  #outdated: string[];
  #records: Uint8Array[] = [];
  #writing: Promise<void> = Promise.resolve();
  #lastMs = performance.now();
  #hasFailed = false;

  private constructor(path: string, file: FileHandle, outdated: string[], use: EventFilesUse) {
    this.#directory = dirname(path);
    this.#path = path;
    this.#file = file;
    this.#outdated = outdated;
    this.#onFailure = use.onFailure;
    this.#put(encodeVersion(now()));
    this.#put(encodeStart(now(), use.resumedAtStep === undefined ? 0 : use.resumedAtStep + 1));
  }

  /**
   * Begins a file in `directory`, which is made if it is not there.
   *
   * @throws UserError `tensorboard-exists` if the run begins and there are event files that it may not replace,
   * `tensorboard-write` if the file cannot be made
   */
  static async open(directory: string, use: EventFilesUse): Promise<EventFiles> {
    try {
      await makeDirectories(directory);
      const names = (await readdir(directory)).filter((name) => EVENT_FILE.test(name));
      const begins = use.resumedAtStep === undefined;
      const kept = use.replaces ? names.filter((name) => !isOf(name, use.run)) : names;
      if (begins && kept.length > 0) throw occupied(directory, kept[0] as string);
      const path = join(directory, nextName(names, use.run));
      return new EventFiles(path, await open(path, 'wx'), begins ? names : [], use);
    } catch (error) {
      throw error instanceof UserError ? error : writeFailure(directory, error);
    }
  }

  add(event: JournalEvent): void {
    switch (event.type) {
      case 'step':
        this.#scalars(event.step, {
          'loss/train': event.loss,
          learning_rate: event.learningRate,
          gradient_norm: event.gradientNorm,
          tokens_per_second: event.tokensPerSecond,
        });
        break;
      case 'eval':
        this.#scalars(event.step, {
          'loss/validation': event.natsPerToken,
          'perplexity/validation': Math.exp(event.natsPerToken),
        });
        break;
      case 'sample':
        this.#put(encodeText(now(), event.step, 'sample', asMarkdown(event.text)));
        break;
      case 'rollback':
        this.#put(encodeStart(now(), event.toStep + 1));
        break;
      case 'skip':
        break;
    }
    if (performance.now() - this.#lastMs >= WRITE_EVERY_MS) void this.#write(false);
  }

  /** Puts all events on the disk. */
  async flush(): Promise<void> {
    await this.#write(true);
    await removeFiles(this.#directory, this.#outdated.splice(0));
  }

  /** Takes the file away again, and the directory if nothing else is in it. */
  async discard(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true }).catch(() => undefined);
    await rmdir(this.#directory).catch(() => undefined);
  }

  /** Writes what there is, and ends the file. */
  async close(): Promise<void> {
    await this.#write(false);
    await this.#file.close().catch(() => undefined);
  }

  #scalars(step: number, scalars: Readonly<Record<string, number>>): void {
    this.#put(encodeScalars(now(), step, scalars));
  }

  #put(event: Uint8Array): void {
    if (!this.#hasFailed) this.#records.push(framed(event));
  }

  #write(durably: boolean): Promise<void> {
    this.#lastMs = performance.now();
    this.#writing = this.#writing.then(async () => {
      try {
        await writeAll(this.#file, Buffer.concat(this.#records.splice(0)));
        if (durably) await this.#file.sync();
      } catch (error) {
        if (this.#hasFailed) return;
        // A record that was cut off ends what readers take of a file: no more can follow it.
        this.#hasFailed = true;
        this.#records = [];
        this.#onFailure(writeFailure(this.#directory, error));
      }
    });
    return this.#writing;
  }
}

/** Stands for the run at `path`, an absolute one, in the names of its files. */
export function runId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}

/** Takes a run's events out of its own directory of them, and this away if nothing else is in it. */
export async function removeOwnEvents(directory: string): Promise<void> {
  const names = await readdir(directory).catch((): string[] => []);
  await removeFiles(
    directory,
    names.filter((name) => isOf(name, undefined)),
  );
  await rmdir(directory).catch(() => undefined);
}

/** What cannot be removed stays. */
async function removeFiles(directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await rm(join(directory, name), { force: true }).catch(() => undefined);
  }
}

/** Whether an event file is known to be the run's: see {@link EventFilesUse.run}. */
function isOf(name: string, run: string | undefined): boolean {
  const ours = OURS.exec(name);
  return ours !== null && ours[1] === run;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done)).bytesWritten;
  }
}

/** Seconds since 1970. */
function now(): number {
  return Date.now() / 1000;
}

/** A name after those of the earlier files, which readers take in the order of their names. */
function nextName(names: readonly string[], run: string | undefined): string {
  const times = names.map((name) => Number(EVENT_FILE.exec(name)?.[1]));
  const time = Math.max(Math.floor(now()), ...times.map((earlier) => earlier + 1));
  const host = hostname().replace(/[^\w-]/g, '_');
  const id = run === undefined ? '' : `.${run}`;
  return `events.out.tfevents.${time}.${host}.${process.pid}${id}.gru-lm`;
}

/** Text as it is, whatever is in it. */
function asMarkdown(text: string): string {
  return text.replace(/^/gm, '    ');
}

function occupied(directory: string, name: string): UserError {
  return new UserError(
    'tensorboard-exists',
    `expected no events of another run in ${directory}, found ${name}`,
    'Each run needs a directory of its own: give another one with --tensorboard DIR, or remove what ' +
      'is not needed any more. --overwrite replaces the events of the run that it replaces alone.',
  );
}

function writeFailure(directory: string, cause: unknown): UserError {
  return new UserError(
    'tensorboard-write',
    `expected to write TensorBoard’s events in ${directory}, found: ${errorMessage(cause)}`,
    'Check room and permissions there, or give another directory with --tensorboard DIR.',
    { cause },
  );
}
