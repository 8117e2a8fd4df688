import { describe, expect, it } from 'vitest';
import type { Precision } from '../ops/tensorflow-binding.ts';
import type { SelectedBackend } from '../runtime/backend.ts';
import { withListener } from './listener.ts';
import { effectivePrecision } from './start-backend.ts';

const nativeOperations = { oneDnnVersion: '3', instructionSet: 'avx2', fastBfloat16: false };

/** What is computed in, and what the user is told. */
function decided(wanted: Precision, backend: Partial<SelectedBackend>) {
  const notices: string[] = [];
  const listener = { json: () => {}, notice: (message: string) => void notices.push(message) };
  const found = withListener(listener, () =>
    effectivePrecision(wanted, backend as SelectedBackend),
  );
  return { found, notices: notices.join('\n') };
}

describe('the precision', () => {
  it('on cuda is what is asked for', () => {
    for (const wanted of ['float32', 'bfloat16', 'float16'] as const) {
      expect(decided(wanted, { name: 'cuda' })).toEqual({ found: wanted, notices: '' });
    }
  });

  it('of float16 is float32 elsewhere, which is said', () => {
    for (const name of ['cpu', 'wasm'] as const) {
      const { found, notices } = decided('float16', { name, nativeOperations });
      expect(found).toBe('float32');
      expect(notices).toContain(
        `Using float32 instead of float16: only the cuda backend multiplies it, and this is ${name}.`,
      );
    }
  });

  it('of bfloat16 is that where the native operations run, float32 where they do not', () => {
    expect(decided('bfloat16', { name: 'cpu', nativeOperations })).toEqual({
      ...{ found: 'bfloat16', notices: '' },
    });
    const without = decided('bfloat16', { name: 'cpu' });
    expect(without.found).toBe('float32');
    expect(without.notices).toContain(
      'Using float32 instead of bfloat16: the cpu backend runs without the native operations.',
    );
  });
});
