/** A promise about faults, put to the test at full length. */
export interface Scenario {
  /** The name on the command line, and of the block in docs/reliability.md that it fills. */
  readonly name: string;
  /** Runs it and returns rows of what was done and found; throws where the promise does not hold. */
  run(log: (line: string) => void): Promise<readonly FigureRow[]>;
}

/** What was measured, and the figure. */
export type FigureRow = readonly [what: string, figure: string];
