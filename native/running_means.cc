#include "running_means.h"

#include "operand.h"
#include "parallel.h"

namespace gru_lm {

void MoveMean(const float* mean, const float* value, int64_t count, float share, float* next) {
  ParallelFor(count, kElementsAThread, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) next[i] = mean[i] + share * (value[i] - mean[i]);
  });
}

}  // namespace gru_lm
