// What the recurrent layers have in common.
#pragma once

#include <algorithm>
#include <cstdint>

#include "operand.h"
#include "product.h"

namespace gru_lm {

/// Steps whose W x, of `a_step` elements each, is computed at a time, so that it is still in the
/// cache when the steps come to it.
inline int64_t StepsAtATime(int64_t steps, int64_t a_step) {
  constexpr int64_t kElementsAtATime = 1 << 20;
  return std::clamp<int64_t>(kElementsAtATime / a_step, 1, steps);
}

/// Hidden units that one thread should have at least, given the rows that it has of each.
inline int64_t UnitsAThread(int64_t batch) {
  return std::max<int64_t>(16, kElementsAThread / 4 / batch);
}

/// The state before each step [T·B, H]: `initial` [B, H], then all but the last of `outputs`.
template <class Element>
void CopyPreviousStates(const float* initial, const float* outputs, int64_t steps, int64_t state,
                        Element* previous) {
  Convert(initial, previous, state);
  if (steps > 1) Convert(outputs, previous + state, (steps - 1) * state);
}

/// C [m, n] = Aᵀ B over the rows of A [rows, m] and B [rows, n].
template <class Element>
void ProductOverRows(int64_t rows, int64_t m, int64_t n, const Element* a, const Element* b,
                     float* c) {
  ProductShape shape;
  shape.m = m;
  shape.k = rows;
  shape.n = n;
  shape.precision = kPrecisionOf<Element>;
  shape.transposed_a = true;
  Product(shape).Run(a, b, c);
}

}  // namespace gru_lm
