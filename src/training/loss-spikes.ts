/** Steps that a loss is compared with, and at least between two that are reported. */
const WINDOW = 50;
/** How many standard deviations, and which share of the median, a spike lies above the median. */
const DEVIATIONS = 8;
const SHARE = 0.1;
/** The standard deviation of a normal distribution is this many times its median deviation. */
const NORMAL = 1.4826;

/**
 * Finds losses far above those before them: above the median of the last 50 by eight standard
 * deviations and by a tenth. The deviation is taken from the median of all deviations from the median,
 * which single outliers do not move.
 */
export class LossSpikes {
  readonly #recent: number[] = [];
  #sinceReport = WINDOW;

  /** The median before it, if `loss` is a spike to be reported. */
  add(loss: number): number | undefined {
    const usual = this.#recent.length === WINDOW ? this.#usualBelow(loss) : undefined;
    this.#recent.push(loss);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    this.#sinceReport += 1;
    if (usual === undefined || this.#sinceReport < WINDOW) return undefined;
    this.#sinceReport = 0;
    return usual;
  }

  #usualBelow(loss: number): number | undefined {
    const middle = median(this.#recent);
    const deviation = NORMAL * median(this.#recent.map((each) => Math.abs(each - middle)));
    const isFarAbove = loss - middle > Math.max(DEVIATIONS * deviation, SHARE * middle);
    return isFarAbove ? middle : undefined;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
