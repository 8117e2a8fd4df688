// The product of a sparse matrix with a dense one.
#pragma once

#include <cstdint>

namespace gru_lm {

/// A matrix [rows, …]: of row r the elements from `starts[r]` to before `starts[r + 1]`, each with
/// its column.
struct SparseMatrix {
  int64_t rows;
  const int32_t *starts, *columns;
  const float* values;
};

/// results [rows, width] = matrix · table [columns, width].
void SparseProduct(const SparseMatrix& matrix, const float* table, int64_t width, float* results);

}  // namespace gru_lm
