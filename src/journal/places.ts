/** Where a run's journal is. */

/** In the run's directory. */
export const HISTORY_FILE = 'history.csv';
/** Of TensorBoard's events in the run's directory; a run that was killed may leave it without a checkpoint beside it. */
export const TENSORBOARD_DIRECTORY = 'tensorboard';
/** Names that directory for whatever run it is. */
export const TENSORBOARD_IN_RUN = `<run>/${TENSORBOARD_DIRECTORY}`;
