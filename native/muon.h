// Muon's updates of weights.
#pragma once

#include <cstdint>
#include <vector>

#include "numbers.h"

namespace gru_lm {

/// A weight of `count` matrices [rows, columns], one below the other, and where the next one goes.
struct MuonWeight {
  int64_t count, rows, columns;
  const float *value, *velocity, *gradient;
  float *next_value, *next_velocity;
};

struct MuonConstants {
  float rate, momentum;
  /// What a step leaves of a value: 1 less what decays.
  float kept;
  Precision precision;
};

/// next_velocity = momentum · velocity + gradient, and of each matrix next_value =
/// kept · value − rate · 0.2 · √max(rows, columns) · orthogonal(gradient + momentum · next_velocity).
/// The last has the singular vectors of what it is of and singular values of about 1, by three
/// polynomials (Jordan et al. 2024, "Muon"; Amsel et al. 2025, "The Polar Express"); of zeros it is
/// zeros.
void MuonUpdate(const std::vector<MuonWeight>& weights, const MuonConstants& constants);

}  // namespace gru_lm
