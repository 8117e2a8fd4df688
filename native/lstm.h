// An LSTM layer over a whole sequence, and its gradient (Hochreiter & Schmidhuber 1997, with the
// forget gate of Gers et al. 2000).
//
// T steps, B streams, I inputs, H hidden units. Rows of weights and biases are the gates i, f, g, o
// in PyTorch's order:
//   i, f, o = σ(W x + b + U h + b')    g = tanh(W_g x + b_g + U_g h + b'_g)
//   c' = f ⊙ c + i ⊙ g                 h' = o ⊙ tanh(c')
#pragma once

#include <cstdint>

#include "numbers.h"

namespace gru_lm {

struct LstmSizes {
  int64_t steps, batch, inputs, hidden;
  Precision precision;
};

struct LstmWeights {
  const float* inputs;          ///< W [4H, I]
  const float* recurrent;       ///< U [4H, H]
  const float* input_bias;      ///< b [4H]; the gradient does not need the biases
  const float* recurrent_bias;  ///< b' [4H]
};

/// What the gradient needs of the forward pass.
struct LstmWorkspace {
  float* gates;  ///< i, f, g, o [T, B, 4H]
  float* cells;  ///< the cell after each step [T, B, H]
};

struct LstmGradients {
  float* x;              ///< [T, B, I]
  float* initial_state;  ///< [B, H]
  float* initial_cell;   ///< [B, H]
  float* inputs;         ///< of W [4H, I]; null: neither this nor the next is wanted
  float* recurrent;      ///< of U [4H, H]
  float* bias;           ///< of b, and of b' [4H]
};

/// The states after each step into `y` [T, B, H] and the last cell into `final_cell` [B, H], from
/// `x` [T, B, I], `h0` and `c0` [B, H]. Without a workspace (null pointers) no more memory is taken
/// than for a few steps.
void LstmForward(const LstmSizes& sizes, const float* x, const float* h0, const float* c0,
                 const LstmWeights& weights, float* y, float* final_cell,
                 const LstmWorkspace& workspace);

/// The gradients of everything that is wanted, from those of `y` in `dy` [T, B, H] and of the last
/// cell in `d_final_cell` [B, H].
void LstmBackward(const LstmSizes& sizes, const float* x, const float* h0, const float* c0,
                  const LstmWeights& weights, const float* y, const LstmWorkspace& workspace,
                  const float* dy, const float* d_final_cell, const LstmGradients& gradients);

}  // namespace gru_lm
