import { expect, it } from 'vitest';
import { nonFiniteTensor } from './run-snapshot.ts';
import type { TrainerSnapshot } from './trainer.ts';

/** A snapshot with one tensor a part, whose first holds `values`. */
function holding(part: 'parameters' | 'optimizer' | 'hiddenState', values: number[]) {
  const tensor = (data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });
  const snapshot = {
    parameters: new Map([['fc.bias', tensor([1])]]),
    optimizer: new Map([['mean.fc.bias', tensor([1])]]),
    hiddenState: new Map([['h_l0', tensor([1])]]),
  } as unknown as TrainerSnapshot;
  const [name] = snapshot[part].keys();
  snapshot[part].set(name!, tensor(values));
  return { name, snapshot };
}

it.each(['parameters', 'optimizer', 'hiddenState'] as const)(
  'finds the tensor of %s with a number that is not finite, wherever it stands',
  (part) => {
    for (const length of [1, 4, 7]) {
      for (let place = 0; place < length; place++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const { name, snapshot } = holding(part, new Array(length).fill(2).with(place, bad));
          expect(nonFiniteTensor(snapshot)).toBe(name);
        }
      }
    }
  },
);

it('finds none where all are, however large, and however many', () => {
  const large = [3.4e38, -3.4e38, 1e-45, -0, 3.4e38, 3.4e38];
  expect(nonFiniteTensor(holding('parameters', large).snapshot)).toBe(undefined);
  expect(nonFiniteTensor(holding('optimizer', []).snapshot)).toBe(undefined);
});
