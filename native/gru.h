// A GRU layer over a whole sequence, and its gradient.
//
// T steps, B streams, I inputs, H hidden units. Rows of weights and biases are the gates r, z, n in
// PyTorch's order.
//
// reset-after (arXiv 1406.1078v1, cuDNN, PyTorch):
//   r, z = σ(W x + b + U h + b')    n = tanh(W_n x + b_n + r ⊙ (U_n h + b'_n))
//   h' = (1 − z) ⊙ n + z ⊙ h
// reset-before (arXiv 1406.1078v3), without b':
//   r, z = σ(W x + b + U h)         n = tanh(W_n x + b_n + U_n (r ⊙ h))
//   h' = (1 − z) ⊙ h + z ⊙ n
#pragma once

#include <cstdint>

#include "numbers.h"

namespace gru_lm {

struct GruSizes {
  int64_t steps, batch, inputs, hidden;
  bool reset_after;
  Precision precision;
};

/// What the layer reads: inputs as they are, or token ids and a table whose rows they name, as of
/// an embedding. A row is then multiplied once for all the steps that read it.
struct GruInputs {
  const float* x;          ///< [T, B, I], or null
  const int32_t* ids;      ///< [T, B], each in [0, V)
  const float* table;      ///< [V, I]
  int64_t vocabulary = 0;  ///< V
};

struct GruWeights {
  const float* inputs;          ///< W [3H, I]
  const float* recurrent;       ///< U [3H, H]
  const float* input_bias;      ///< b [3H]
  const float* recurrent_bias;  ///< b' [3H], for reset-after only
};

/// What the gradient needs of the forward pass.
struct GruWorkspace {
  float* gates;        ///< r, z, n [T, B, 3H]
  float* recurrent_n;  ///< U_n h + b'_n [T, B, H], for reset-after only
};

struct GruGradients {
  float* x;               ///< of x [T, B, I], or of the table [V, I]
  float* initial_state;   ///< [B, H]
  float* inputs;          ///< of W [3H, I]; null: neither this nor the next is wanted
  float* recurrent;       ///< of U [3H, H]
  float* input_bias;      ///< of b [3H]
  float* recurrent_bias;  ///< of b' [3H], for reset-after only
};

/// The states after each step into `y` [T, B, H], from the inputs and `h0` [B, H]. Without a
/// workspace (null pointers) no more memory is taken than for a few steps.
void GruForward(const GruSizes& sizes, const GruInputs& inputs, const float* h0,
                const GruWeights& weights, float* y, const GruWorkspace& workspace);

/// The gradients of everything that is wanted, from those of `y` in `dy` [T, B, H].
void GruBackward(const GruSizes& sizes, const GruInputs& inputs, const float* h0,
                 const GruWeights& weights, const float* y, const GruWorkspace& workspace,
                 const float* dy, const GruGradients& gradients);

}  // namespace gru_lm
