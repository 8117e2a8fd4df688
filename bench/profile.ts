/** Where the time of a step goes, as a measuring process answers it. */

/** What took the time. */
export interface ProfileRow {
  name: string;
  milliseconds: number;
  calls: number;
}

/** All figures are of one step, on average. */
export interface Profile {
  size: string;
  steps: number;
  stepMilliseconds: number;
  /** TF.js kernels, each without those that it calls; TensorFlow's ops where no kernel calls them. */
  kernels: ProfileRow[];
  /** Calls into TensorFlow, by its name for the op. */
  operations: ProfileRow[];
}
