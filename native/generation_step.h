// One token a stream through the whole model: what sampling runs again and again. No memory is
// taken but for a few vectors; each weight is read once.
#pragma once

#include <cstdint>
#include <vector>

#include "gru.h"

namespace gru_lm {

struct GenerationModel {
  int64_t vocabulary, embedding_size, hidden;
  bool reset_after;
  const float* embedding;          ///< [V, E]
  std::vector<GruWeights> layers;  ///< as of `GruForward`
  const float* output_weight;      ///< [V, H]
  const float* output_bias;        ///< [V]
};

/// From token `ids` [B], each in [0, V), and the layers' `states` [L, B, H] to the logarithms of
/// the next token's probabilities, `log_probabilities` [B, V], and the states after it,
/// `new_states` [L, B, H].
void GenerationStep(const GenerationModel& model, int64_t batch, const int32_t* ids,
                    const float* states, float* log_probabilities, float* new_states);

}  // namespace gru_lm
