// Clipping gradients by their global norm.
#pragma once

#include <cstdint>

namespace gru_lm {

/// Σ values², in an order that does not depend on the number of threads.
double SumOfSquares(const float* values, int64_t count);

/// scaled = values · scale.
void Scale(const float* values, int64_t count, float scale, float* scaled);

}  // namespace gru_lm
