// Sums over rows: of gradients that several threads add up, and of products.
#pragma once

#include <algorithm>
#include <cstdint>

#include "buffer.h"
#include "operand.h"
#include "product.h"

namespace gru_lm {

/// Sums of gradients that every group adds up for itself: the order is fixed by their number.
class PartialSums {
 public:
  PartialSums(int groups, int64_t size) : groups_(groups), size_(size), parts_(groups * size) {
    std::fill(parts_.data(), parts_.data() + groups * size, 0.0f);
  }
  float* Of(int group) const { return parts_ + group * size_; }
  /// Adds the parts' elements from `begin` on up in `sums`.
  void AddUp(int64_t begin, int64_t count, float* sums) const {
    std::copy(parts_ + begin, parts_ + begin + count, sums);
    for (int group = 1; group < groups_; group++) {
      for (int64_t i = 0; i < count; i++) sums[i] += Of(group)[begin + i];
    }
  }

 private:
  int groups_;
  int64_t size_;
  Buffer<float> parts_;
};

/// C [m, n] (+)= Aᵀ B over the rows of A, m columns of a matrix, and B [rows, n].
template <class Element>
void ProductOverRows(int64_t rows, const Columns<Element>& a, int64_t n, const Element* b, float* c,
                     bool accumulate = false, bool alone = false) {
  ProductShape shape;
  shape.m = a.count;
  shape.a_stride = a.stride;
  shape.k = rows;
  shape.n = n;
  shape.precision = kPrecisionOf<Element>;
  shape.transposed_a = true;
  shape.accumulate = accumulate;
  shape.alone = alone;
  Product(shape).Run(a.first, b, c);
}

/// The same for all columns of A [rows, m].
template <class Element>
void ProductOverRows(int64_t rows, int64_t m, int64_t n, const Element* a, const Element* b,
                     float* c, bool accumulate = false, bool alone = false) {
  ProductOverRows(rows, Columns<Element>{a, m, m}, n, b, c, accumulate, alone);
}

}  // namespace gru_lm
