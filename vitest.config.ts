import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests that measure the process's memory, replace modules, or set what all of TF.js looks at. */
const apart = [
  'src/checkpoint/{interrupted-save,lock,resumable}.test.ts',
  'src/import/layers-model.test.ts',
  'src/ops/{gru-sequence-layers,native-errors,trainable-variable}.test.ts',
  'src/runtime/*.test.ts',
  'src/training/trainer.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['test/set-up.ts'],
    // TensorFlow is one native library a process: workers are processes, not threads.
    pool: 'forks',
    // One more than there are processors, for the time in which a test waits for a process or for the clock.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 120_000,
    hookTimeout: 600_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'apart',
          include: ['test/**/*.test.ts', ...apart],
        },
      },
      {
        // To load TF.js and TensorFlow takes longer than most of these files' tests: one process runs
        // many of them.
        extends: true,
        test: {
          name: 'together',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: apart,
          isolate: false,
          setupFiles: ['test/support/start-afresh.ts'],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
