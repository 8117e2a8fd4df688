// Matrices made orthogonal, for the direction of an update.
#pragma once

#include <cstdint>

#include "numbers.h"

namespace gru_lm {

/// `count` matrices [rows, columns], one after the other.
struct OrthogonaliseSizes {
  int64_t count, rows, columns;
  Precision precision;
};

/// Puts in `results` matrices with the singular vectors of those given and singular values of about
/// 1, by five Newton–Schulz iterations (Jordan et al. 2024, "Muon"). Zeros stay zeros.
void Orthogonalise(const OrthogonaliseSizes& sizes, const float* matrices, float* results);

}  // namespace gru_lm
