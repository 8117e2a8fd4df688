/** The model that a server answers for. */
import type { TextModel } from '../generation/text-model.ts';

export interface ServedModel extends TextModel {
  /** By which requests name it: that of its run. */
  readonly name: string;
  /** The directory of the checkpoint. */
  readonly path: string;
  readonly step: number;
  /** When the checkpoint was made, in seconds since 1970. */
  readonly createdSeconds: number;
}
