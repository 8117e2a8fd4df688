import type { TensorflowBinding } from './binding-types.ts';

/** So many at most; a step of training needs some dozens. */
const MOST_KEPT = 256;

/**
 * The addon, with single float32 numbers kept on the GPU. TF.js makes a tensor of each number that an
 * operation takes, a hundred in a step of training, and TensorFlow copies a tensor to a GPU only when all is
 * done that this was given before, and waits for it. A number that is kept is given out again without a copy.
 *
 * @param mostKept those used longest ago go first
 */
export function keepScalars(binding: TensorflowBinding, mostKept = MOST_KEPT): TensorflowBinding {
  const { TF_ATTR_TYPE, TF_FLOAT } = binding;
  const share = [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }];
  const kept = new Map<number, number>(); // numbers and their tensors, the one used last at the end
  const createTensor: TensorflowBinding['createTensor'] = (shape, dtype, values) => {
    const value = values[0];
    // A map takes −0 for 0.
    if (shape.length > 0 || dtype !== TF_FLOAT || Object.is(value, -0)) {
      return binding.createTensor(shape, dtype, values);
    }
    const number = value as number;
    const id = kept.get(number) ?? binding.createTensor(shape, dtype, values);
    kept.delete(number);
    kept.set(number, id);
    const [first] = kept;
    if (first && kept.size > mostKept) {
      kept.delete(first[0]);
      binding.deleteTensor(first[1]);
    }
    return binding.executeOp('Identity', share, [id], 1)[0]!.id;
  };
  return Object.create(binding, { createTensor: { value: createTensor } }) as TensorflowBinding;
}
