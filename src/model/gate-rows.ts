import type { TensorData } from '../tensor-data.ts';

/**
 * The rows of a recurrent layer's matrix [gates·H, …] or bias [gates·H] with its gates in another order, as other
 * libraries have them.
 *
 * @param order for each gate of the result, which of the tensor's it is
 * @param turned the gate of the result whose numbers get the other sign, if there is one: 1 − σ(a) = σ(−a)
 */
export function gateRows(
  { shape, data }: TensorData,
  order: readonly number[],
  turned?: number | undefined,
): TensorData {
  const size = data.length / order.length;
  const rows = new Float32Array(data.length);
  for (const [to, from] of order.entries()) {
    const gate = data.subarray(from * size, (from + 1) * size);
    rows.set(to === turned ? gate.map((value) => -value) : gate, to * size);
  }
  return { shape, data: rows };
}
