// The output layer and its loss in one: −log softmax(x Wᵀ + b)[label], in nats.
#pragma once

#include <cstdint>

#include "numbers.h"

namespace gru_lm {

struct LinearCrossEntropySizes {
  int64_t rows;        ///< N
  int64_t features;    ///< H
  int64_t vocabulary;  ///< V
  Precision precision;
};

/// Gradients of the mean loss; all null where none are wanted.
struct LinearCrossEntropyGradients {
  float* features;  ///< [N, H]
  float* weight;    ///< [V, H]
  float* bias;      ///< [V]
};

/// The mean loss of `features` [N, H] with `weight` [V, H] and `bias` [V] on `labels` [N], each in
/// [0, V); each row's own goes to `losses` [N]. Rows go through in blocks, so that of the scores
/// [N, V] only a few are held at a time.
float LinearCrossEntropy(const LinearCrossEntropySizes& sizes, const float* features,
                         const float* weight, const float* bias, const int32_t* labels,
                         float* losses, const LinearCrossEntropyGradients& gradients);

}  // namespace gru_lm
