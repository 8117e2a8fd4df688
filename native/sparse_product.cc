#include "sparse_product.h"

#include <algorithm>

#include "operand.h"
#include "parallel.h"

namespace gru_lm {

void SparseProduct(const SparseMatrix& matrix, const float* table, int64_t width, float* results) {
  // A thread takes some columns of all rows, of which some may have far more elements than others;
  // and the order of the sums is always the same.
  const int64_t elements = std::max<int64_t>(1, matrix.starts[matrix.rows] + matrix.rows);
  const int64_t grain = std::max<int64_t>(16, kElementsAThread / elements);
  ParallelFor(width, grain, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < matrix.rows; row++) {
      float* result = results + row * width;
      std::fill(result + begin, result + end, 0.0f);
      for (int64_t i = matrix.starts[row]; i < matrix.starts[row + 1]; i++) {
        const float value = matrix.values[i];
        const float* added = table + matrix.columns[i] * width;
#pragma GCC ivdep
        for (int64_t j = begin; j < end; j++) result[j] += value * added[j];
      }
    }
  });
}

}  // namespace gru_lm
