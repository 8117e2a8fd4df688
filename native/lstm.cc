#include "lstm.h"

#include <cstring>

#include "buffer.h"
#include "operand.h"
#include "parallel.h"
#include "product.h"
#include "sequence.h"
#include "sums.h"

namespace gru_lm {
namespace {

/// One step: from W x in `gates` and U h in `recurrent` [B, 4H]. `cell` may be `cell_before`.
template <class Element>
void Step(const Streams& streams, int64_t H, const LstmWeights& w, const float* recurrent,
          const float* cell_before, float* gates, float* cell, float* y, Element* next) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    const float *bi = w.input_bias, *bf = bi + H, *bg = bf + H, *bo = bg + H;
    const float *ci = w.recurrent_bias, *cf = ci + H, *cg = cf + H, *co = cg + H;
    for (int64_t b = 0; b < streams.count; b++) {
      float *gi = gates + b * 4 * H, *gf = gi + H, *gg = gf + H, *go = gg + H;
      const float *ui = recurrent + b * 4 * H, *uf = ui + H, *ug = uf + H, *uo = ug + H;
      const float* before = cell_before + b * H;
      float *after = cell + b * H, *out = y + b * H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float i = Sigmoid(gi[j] + ui[j] + (bi[j] + ci[j]));
        const float f = Sigmoid(gf[j] + uf[j] + (bf[j] + cf[j]));
        const float g = Tanh(gg[j] + ug[j] + (bg[j] + cg[j]));
        const float o = Sigmoid(go[j] + uo[j] + (bo[j] + co[j]));
        const float c = f * before[j] + i * g;
        gi[j] = i, gf[j] = f, gg[j] = g, go[j] = o;
        after[j] = c;
        out[j] = o * Tanh(c);
      }
      if (next) {
        for (int64_t j = begin; j < end; j++) Store(next + b * H + j, out[j]);
      }
    }
  });
}

/// One step back. `carry` and `carry_cell` [B, H] come in as the gradients of this step's state and
/// cell from later steps; the latter goes out as that of the cell before. `d_gates` [B, 4H] is the
/// gradient of W x + U h.
template <class Element>
void StepBack(const Streams& streams, int64_t H, const float* dy, const float* cell_before,
              const float* gates, const float* cell, const float* carry, float* carry_cell,
              Element* d_gates, float* d_bias) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    float *dbi = d_bias, *dbf = dbi + H, *dbg = dbf + H, *dbo = dbg + H;
    for (int64_t b = 0; b < streams.count; b++) {
      const float *gi = gates + b * 4 * H, *gf = gi + H, *gg = gf + H, *go = gg + H;
      const float *before = cell_before + b * H, *now = cell + b * H;
      const float *d_after = dy + b * H, *later = carry + b * H;
      float* through = carry_cell + b * H;
      Element *di = d_gates + b * 4 * H, *df = di + H, *dg = df + H, *d_o = dg + H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float dh = d_after[j] + later[j];
        const float i = gi[j], f = gf[j], g = gg[j], o = go[j], c = Tanh(now[j]);
        const float dc = through[j] + dh * o * (1 - c * c);
        const float ai = dc * g * i * (1 - i);
        const float af = dc * before[j] * f * (1 - f);
        const float ag = dc * i * (1 - g * g);
        const float ao = dh * c * o * (1 - o);
        through[j] = dc * f;
        Store(di + j, ai), Store(df + j, af), Store(dg + j, ag), Store(d_o + j, ao);
        dbi[j] += ai, dbf[j] += af, dbg[j] += ag, dbo[j] += ao;
      }
    }
  });
}

template <class Element>
void Forward(const LstmSizes& s, const float* x, const float* h0, const float* c0,
             const LstmWeights& w, float* y, float* final_cell, const LstmWorkspace& workspace) {
  constexpr Precision precision = kPrecisionOf<Element>;
  constexpr bool converts = !std::is_same_v<Element, float>;
  const int64_t T = s.steps, B = s.batch, I = s.inputs, H = s.hidden;
  const int64_t at_a_time = StepsAtATime(T, B * 4 * H);
  const PackedMatrix input_weights(w.inputs, Stored::kTransposed, I, 4 * H, at_a_time * B,
                                   precision);
  const Division division(B, 4 * H * H);
  const PackedMatrix weights(w.recurrent, Stored::kTransposed, H, 4 * H, division.most(), precision,
                             division.alone());
  Buffer<float> own_gates(workspace.gates ? 0 : at_a_time * B * 4 * H), recurrent(B * 4 * H);
  Buffer<Element> state(converts ? B * H : 0);
  if (converts) Convert(h0, state.data(), B * H);

  for (int64_t first = 0; first < T; first += at_a_time) {
    const int64_t steps = std::min(at_a_time, T - first);
    float* projected = workspace.gates ? workspace.gates + first * B * 4 * H : own_gates.data();
    const Operand<Element> inputs(x + first * B * I, steps * B * I);
    Product(input_weights.ShapeFor(steps * B)).Run(inputs.data(), input_weights.data(), projected);
    division.ForEach([&](const Streams& streams) {
      const int64_t at = streams.first;
      Product product(weights.ShapeFor(streams.count));
      float* sums = recurrent + at * 4 * H;
      Element* next = converts ? state + at * H : nullptr;
      // Without a workspace each cell takes the place of the one before.
      const auto cell_after = [&](int64_t t) {
        return (workspace.cells ? workspace.cells + t * B * H : final_cell) + at * H;
      };
      for (int64_t t = first; t < first + steps; t++) {
        const float* before = (t > 0 ? y + (t - 1) * B * H : h0) + at * H;
        const void* operand = converts ? static_cast<const void*>(next) : before;
        product.Run(operand, weights.data(), sums);
        Step(streams, H, w, sums, t > 0 ? cell_after(t - 1) : c0 + at * H,
             projected + ((t - first) * B + at) * 4 * H, cell_after(t), y + (t * B + at) * H, next);
      }
    });
  }
  if (workspace.cells) {
    std::memcpy(final_cell, workspace.cells + (T - 1) * B * H, sizeof(float) * B * H);
  }
}

template <class Element>
void Backward(const LstmSizes& s, const float* x, const float* h0, const float* c0,
              const LstmWeights& w, const float* y, const LstmWorkspace& workspace, const float* dy,
              const float* d_final_cell, const LstmGradients& d) {
  constexpr Precision precision = kPrecisionOf<Element>;
  const int64_t T = s.steps, B = s.batch, I = s.inputs, H = s.hidden;
  Buffer<Element> d_gates(T * B * 4 * H);
  const Division division(B, 4 * H * H);
  const PartialSums bias_sums(division.groups(), 4 * H);
  {
    const PackedMatrix weights(w.recurrent, Stored::kAsIs, 4 * H, H, division.most(), precision,
                               division.alone());
    division.ForEach([&](const Streams& streams) {
      const int64_t at = streams.first, size = streams.count * H;
      Product product(weights.ShapeFor(streams.count));
      float *carry = d.initial_state + at * H, *carry_cell = d.initial_cell + at * H;
      std::memset(carry, 0, sizeof(float) * size);
      std::memcpy(carry_cell, d_final_cell + at * H, sizeof(float) * size);
      for (int64_t t = T - 1; t >= 0; t--) {
        const int64_t row = t * B + at;
        Element* dg = d_gates + row * 4 * H;
        StepBack(streams, H, dy + row * H, t > 0 ? workspace.cells + (row - B) * H : c0 + at * H,
                 workspace.gates + row * 4 * H, workspace.cells + row * H, carry, carry_cell, dg,
                 bias_sums.Of(streams.group));
        product.Run(dg, weights.data(), carry);
      }
    });
  }
  bias_sums.AddUp(0, 4 * H, d.bias);
  const PackedMatrix weights(w.inputs, Stored::kAsIs, 4 * H, I, T * B, precision);
  Product(weights.ShapeFor(T * B)).Run(d_gates.data(), weights.data(), d.x);
  if (d.inputs == nullptr) return;
  const Operand<Element> inputs(x, T * B * I);
  ProductOverRows(T * B, 4 * H, I, d_gates.data(), inputs.data(), d.inputs);
  Buffer<Element> previous(T * B * H);
  CopyPreviousStates(h0, y, T, B * H, previous.data());
  ProductOverRows(T * B, 4 * H, H, d_gates.data(), previous.data(), d.recurrent);
}

}  // namespace

void LstmForward(const LstmSizes& sizes, const float* x, const float* h0, const float* c0,
                 const LstmWeights& weights, float* y, float* final_cell,
                 const LstmWorkspace& workspace) {
  WithElement(sizes.precision, [&](auto element) {
    Forward<decltype(element)>(sizes, x, h0, c0, weights, y, final_cell, workspace);
  });
}

void LstmBackward(const LstmSizes& sizes, const float* x, const float* h0, const float* c0,
                  const LstmWeights& weights, const float* y, const LstmWorkspace& workspace,
                  const float* dy, const float* d_final_cell, const LstmGradients& gradients) {
  WithElement(sizes.precision, [&](auto element) {
    Backward<decltype(element)>(sizes, x, h0, c0, weights, y, workspace, dy, d_final_cell,
                                gradients);
  });
}

}  // namespace gru_lm
