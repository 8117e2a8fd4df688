import type { Tensor } from '@tensorflow/tfjs-core';

/** A dimension is a number that must match, or a letter that is bound at its first use. */
type Dimension = number | string;

/**
 * Checks that a tensor has the expected shape, binding letters as it goes.
 *
 * @param name the argument's name, for the message
 * @param tensor the tensor to check
 * @param expected one entry a dimension: a number, or a letter such as `B`
 * @param bound sizes of the letters known so far; new ones are added
 * @throws Error that names the argument, the expected and the found shape
 */
export function assertShape(
  name: string,
  tensor: Tensor,
  expected: readonly Dimension[],
  bound: Record<string, number> = {},
): void {
  const matches =
    tensor.shape.length === expected.length &&
    expected.every((dimension, axis) => {
      const found = tensor.shape[axis] as number;
      if (typeof dimension === 'number') return dimension === found;
      bound[dimension] ??= found;
      return bound[dimension] === found;
    });
  if (matches) return;
  const wanted = expected.map((dimension) =>
    typeof dimension === 'string' && bound[dimension] !== undefined
      ? `${dimension}=${bound[dimension]}`
      : `${dimension}`,
  );
  throw new Error(`${name}: expected shape [${wanted.join(', ')}], found [${tensor.shape}]`);
}
