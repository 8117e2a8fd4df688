import { setUpRuntime } from '../src/runtime/backend.ts';

/**
 * Sets TensorFlow and the native operations up once, before any test, in the cache that GRU_LM_CACHE
 * names or the user's own: the real download, build and first load. Where that fails, only the tests
 * that need it do.
 */
export async function setup(): Promise<void> {
  try {
    const { operations } = await setUpRuntime({
      onEvent: (event) => {
        if (event.type === 'phase' || event.type === 'wait') console.error(event.message);
      },
    });
    const { refusal } = operations;
    if (refusal) console.error(`Without the native operations: ${refusal.reason} ${refusal.mend}`);
  } catch (error) {
    console.error(`TensorFlow could not be set up: ${(error as Error).message}`);
    process.env.GRU_LM_OFFLINE = '1';
  }
}
