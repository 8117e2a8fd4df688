// Means of weights that follow them.
#pragma once

#include <cstdint>

namespace gru_lm {

/// next = mean + share · (value − mean), of `count` elements.
void MoveMean(const float* mean, const float* value, int64_t count, float share, float* next);

}  // namespace gru_lm
