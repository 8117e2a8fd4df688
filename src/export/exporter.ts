/** What a format of `gru-lm export` is: a function from a model to files. */
import type { CheckpointModel } from '../checkpoint/model.ts';
import type { ExportOptions } from '../config/export.ts';

/** A file of an export. */
export interface ExportedFile {
  /** Where it goes below the export's directory, with `/` between names. */
  readonly name: string;
  /** Pieces are asked for when they are written, so that large files need never be whole in memory. */
  readonly content: Uint8Array | Iterable<Uint8Array>;
}

export interface Exported {
  /** In the order in which they are put in place: what names the others comes last. */
  readonly files: readonly ExportedFile[];
  /** What the user can do with them, line by line. */
  readonly next: readonly string[];
}

/**
 * Makes the files of one format.
 *
 * @param model with its weights
 * @param options with `out`, the directory that the files are for
 * @throws UserError `export-unsupported` for a model that the format cannot hold: what it has, and what to do
 */
export type Exporter = (model: CheckpointModel, options: ExportOptions) => Promise<Exported>;
