import { writeSync } from 'node:fs';
import { createContext, type RuntimeContext } from '../context.ts';
import { readHost } from '../host.ts';
import { provision } from '../provision.ts';

/**
 * A first run in a process of its own, for tests that start several at once or kill one.
 *
 * Prints its events as JSON lines, then `{"built": directory}`. It stands still, its event loop
 * too, at the first progress of the phase named by STAND_STILL_AT.
 */
const { PINS, STAND_STILL_AT } = process.env;
const pins = JSON.parse(PINS ?? '') as Pick<RuntimeContext, 'pins' | 'oneDnnPins'>;
const print = (value: object) => writeSync(1, `${JSON.stringify(value)}\n`);

const { binding } = await provision(
  createContext({
    host: { ...readHost(), platform: 'linux', arch: 'x64', glibc: '2.36' },
    ...pins,
    onEvent: (event) => {
      print(event);
      if (event.type === 'progress' && event.phase === STAND_STILL_AT) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
      }
    },
  }),
  'cpu',
);
print({ built: binding.directory });
