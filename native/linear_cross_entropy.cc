#include "linear_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "buffer.h"
#include "operand.h"
#include "parallel.h"
#include "product.h"
#include "sums.h"

namespace gru_lm {
namespace {

/// Scores held at a time: few passes over the weight's gradient, and memory that is soon there.
constexpr int64_t kScoresAtATime = 6'000'000;

/// What is summed or compared in lanes of its own is vector code, in an order that is fixed.
constexpr int kLanes = 16;

/// Puts e^(score + bias − max) in place of the scores and returns their sum; `max` is set.
float ExpRow(float* scores, const float* bias, int64_t count, float* max) {
  const int64_t whole = count / kLanes * kLanes;
  float maxima[kLanes], sums[kLanes] = {};
  for (float& lane : maxima) lane = -INFINITY;
  for (int64_t v = 0; v < whole; v += kLanes) {
    for (int i = 0; i < kLanes; i++) {
      const float score = scores[v + i] + bias[v + i];
      scores[v + i] = score;
      maxima[i] = score > maxima[i] ? score : maxima[i];
    }
  }
  float most = -INFINITY, sum = 0;
  for (int64_t v = whole; v < count; v++) most = std::max(most, scores[v] += bias[v]);
  for (const float lane : maxima) most = std::max(most, lane);
  for (int64_t v = 0; v < whole; v += kLanes) {
    for (int i = 0; i < kLanes; i++) {
      const float e = Exp(scores[v + i] - most);
      scores[v + i] = e;
      sums[i] += e;
    }
  }
  for (int64_t v = whole; v < count; v++) sum += scores[v] = Exp(scores[v] - most);
  for (const float lane : sums) sum += lane;
  *max = most;
  return sum;
}

template <class Element>
float Compute(const LinearCrossEntropySizes& s, const float* features, const float* weight,
              const float* bias, const int32_t* labels, float* losses,
              const LinearCrossEntropyGradients& d) {
  constexpr Precision precision = kPrecisionOf<Element>;
  constexpr bool converts = !std::is_same_v<Element, float>;
  const int64_t N = s.rows, H = s.features, V = s.vocabulary;
  const bool wants_gradient = d.features != nullptr;
  // Blocks of one height, but for the last.
  const int64_t most = std::max<int64_t>(1, kScoresAtATime / V);
  const int64_t blocks = (N + most - 1) / most;
  const int64_t height = (N + blocks - 1) / blocks;

  const Operand<Element> x(features, N * H);
  const PackedMatrix to_scores(weight, Stored::kTransposed, H, V, height, precision);
  std::optional<PackedMatrix> to_features;
  if (wants_gradient) to_features.emplace(weight, Stored::kAsIs, V, H, height, precision);
  Buffer<float> scores(height * V);
  Buffer<Element> converted(converts && wants_gradient ? height * V : 0);
  const int threads = ThreadsFor(height * V, 4 * kElementsAThread);
  const PartialSums bias_sums(wants_gradient ? threads : 0, V);
  const float share = 1.0f / static_cast<float>(N);

  for (int64_t first = 0; first < N; first += height) {
    const int64_t rows = std::min(height, N - first);
    Product(to_scores.ShapeFor(rows)).Run(x.data() + first * H, to_scores.data(), scores.data());
    OnThreads(threads, [&](int thread, int count) {
      const Range range(rows, thread, count);
      float* bias_part = wants_gradient ? bias_sums.Of(thread) : nullptr;
      for (int64_t i = range.begin; i < range.end; i++) {
        float* row = scores + i * V;
        const int32_t label = labels[first + i];
        const float at_label = row[label] + bias[label];
        float max;
        const float sum = ExpRow(row, bias, V, &max);
        losses[first + i] = static_cast<float>(std::log(static_cast<double>(sum)) + max - at_label);
        if (!wants_gradient) continue;
        const float scale = share / sum;
        const float p = row[label] * scale;
        if constexpr (converts) {
          Element* out = converted + i * V;
#pragma GCC ivdep
          for (int64_t v = 0; v < V; v++) {
            const float g = row[v] * scale;
            Store(out + v, g);
            bias_part[v] += g;
          }
          Store(out + label, p - share);
        } else {
#pragma GCC ivdep
          for (int64_t v = 0; v < V; v++) {
            const float g = row[v] * scale;
            row[v] = g;
            bias_part[v] += g;
          }
          row[label] = p - share;
        }
        bias_part[label] -= share;
      }
    });
    if (!wants_gradient) continue;
    const Element* d_scores;
    if constexpr (converts) {
      d_scores = converted.data();
    } else {
      d_scores = scores.data();
    }
    Product(to_features->ShapeFor(rows)).Run(d_scores, to_features->data(), d.features + first * H);
    ProductOverRows(rows, V, H, d_scores, x.data() + first * H, d.weight, first > 0);
  }

  if (wants_gradient) bias_sums.AddUp(0, V, d.bias);
  double total = 0;
  for (int64_t i = 0; i < N; i++) total += losses[i];
  return static_cast<float>(total / static_cast<double>(N));
}

}  // namespace

float LinearCrossEntropy(const LinearCrossEntropySizes& sizes, const float* features,
                         const float* weight, const float* bias, const int32_t* labels,
                         float* losses, const LinearCrossEntropyGradients& gradients) {
  float loss = 0;
  WithElement(sizes.precision, [&](auto element) {
    loss = Compute<decltype(element)>(sizes, features, weight, bias, labels, losses, gradients);
  });
  return loss;
}

}  // namespace gru_lm
