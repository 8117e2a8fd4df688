#include "clip.h"

#include <algorithm>

#include "buffer.h"
#include "operand.h"
#include "parallel.h"

namespace gru_lm {
namespace {

/// Values whose squares are added up at a time.
constexpr int64_t kBlock = 4096;
/// Sums side by side: vector code, in an order that is fixed.
constexpr int kLanes = 32;

double SumOfBlock(const float* values, int64_t count) {
  const int64_t whole = count / kLanes * kLanes;
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int lane = 0; lane < kLanes; lane++) lanes[lane] += values[i + lane] * values[i + lane];
  }
  double sum = 0;
  for (const float lane : lanes) sum += lane;
  for (int64_t i = whole; i < count; i++) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

}  // namespace

double SumOfSquares(const float* values, int64_t count) {
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  Buffer<double> sums(blocks);
  ParallelFor(blocks, 4, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      const int64_t at = block * kBlock;
      sums.data()[block] = SumOfBlock(values + at, std::min(kBlock, count - at));
    }
  });
  double sum = 0;
  for (int64_t block = 0; block < blocks; block++) sum += sums.data()[block];
  return sum;
}

void Scale(const float* values, int64_t count, float scale, float* scaled) {
  ParallelFor(count, kElementsAThread, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) scaled[i] = values[i] * scale;
  });
}

}  // namespace gru_lm
