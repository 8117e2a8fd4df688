/**
 * The recurrence h_t = a_t ⊙ h_{t−1} + b_t as a parallel scan over its T steps (Blelloch, "Prefix sums
 * and their applications", 1990; Martin and Cundy, "Parallelizing linear recurrent neural nets over
 * sequence length", 2018).
 *
 * Two such steps in a row are one: h ↦ a₁(a₀ h + b₀) + b₁ = (a₁ a₀) h + (a₁ b₀ + b₁). So the steps are
 * joined in pairs, the recurrence of half as many is solved in the same way, which gives every second
 * state, and one more product gives those between. That is ⌈log₂ T⌉ rounds of operations on all steps
 * at once, each of half as many as the one before: work in proportion to T, as one step after the other.
 *
 * Shapes: T steps, B batch, H hidden size.
 */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Without a gradient: that of h_t is {@link reverseLinearRecurrence} of what reaches it.
 *
 * @param factors a [T, B, H]
 * @param terms b [T, B, H]
 * @param initial h before the first step [B, H]
 * @returns h after each step [T, B, H]
 */
export function linearRecurrence(
  factors: tf.Tensor3D,
  terms: tf.Tensor3D,
  initial: tf.Tensor2D,
): tf.Tensor3D {
  const { shape } = terms;
  const [T, B, H] = shape;
  const byStep = (tensor: tf.Tensor, steps: number) =>
    tf.reshape(tensor, [steps, B * H]) as tf.Tensor2D;
  return tf.tidy(() =>
    tf.reshape(scan(byStep(factors, T), byStep(terms, T), byStep(initial, 1)), shape),
  );
}

/**
 * The recurrence from the end: g_t = a_{t+1} ⊙ g_{t+1} + d_t, with nothing after the last step.
 *
 * @param factors a [T, B, H]; the first step's is not used
 * @param terms d [T, B, H]
 * @returns g of each step [T, B, H]
 */
export function reverseLinearRecurrence(factors: tf.Tensor3D, terms: tf.Tensor3D): tf.Tensor3D {
  const [T, B, H] = factors.shape;
  return tf.tidy(() => {
    const none = tf.zeros([1, B, H]) as tf.Tensor3D;
    const following = T === 1 ? none : tf.concat3d([tf.slice(factors, 1, T - 1), none], 0);
    const backwards = linearRecurrence(
      tf.reverse(following, 0),
      tf.reverse(terms, 0),
      tf.zeros([B, H]),
    );
    return tf.reverse(backwards, 0);
  });
}

/** The states [T, N], from a and b [T, N] and the state before [1, N]. */
function scan(a: tf.Tensor2D, b: tf.Tensor2D, initial: tf.Tensor2D): tf.Tensor2D {
  const [T, N] = a.shape;
  if (T === 1) return tf.add(tf.mul(a, initial), b);
  return tf.tidy(() => {
    const pairs = Math.ceil(T / 2);
    const [a0, a1] = splitPairs(a, pairs);
    const [b0, b1] = splitPairs(b, pairs);
    const second = scan(tf.mul(a1, a0), tf.add(tf.mul(a1, b0), b1), initial); // [pairs, N]
    const before =
      pairs === 1 ? initial : tf.concat2d([initial, tf.slice(second, 0, pairs - 1)], 0);
    const first = tf.add(tf.mul(a0, before), b0) as tf.Tensor2D;
    const states = tf.reshape(tf.concat2d([first, second], 1), [2 * pairs, N]) as tf.Tensor2D;
    return T === 2 * pairs ? states : tf.slice(states, 0, T);
  });
}

/** The first and the second of each pair of rows [T, N]; where the last has no second, that is zeros. */
function splitPairs(rows: tf.Tensor2D, pairs: number): [tf.Tensor2D, tf.Tensor2D] {
  const [T, N] = rows.shape;
  const even =
    T === 2 * pairs
      ? rows
      : tf.pad(rows, [
          [0, 1],
          [0, 0],
        ]);
  const sideBySide = tf.reshape(even, [pairs, 2 * N]);
  return tf.split(sideBySide, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
}
