import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'test/**/*.test.ts',
      'scripts/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    globalSetup: ['test/provision.ts'],
    // TensorFlow is one native library a process: workers are processes, not threads.
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 600_000,
  },
});
