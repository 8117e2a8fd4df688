#include "gru.h"

#include <cstring>
#include <optional>
#include <vector>

#include "buffer.h"
#include "embedded_inputs.h"
#include "operand.h"
#include "parallel.h"
#include "product.h"
#include "sequence.h"
#include "sums.h"

namespace gru_lm {
namespace {

/// Where W x [3H] of each stream of a step stands.
using ProjectedRows = std::vector<const float*>;

/// One step of reset-after: from W x in `projected` and U h in `recurrent` [B, 3H].
template <class Element>
void StepResetAfter(const Streams& streams, int64_t H, const GruWeights& w,
                    const ProjectedRows& projected, const float* recurrent, const float* h,
                    float* gates, float* recurrent_n, float* y, Element* next) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    const float *br = w.input_bias, *bz = br + H, *bn = bz + H;
    const float *cr = w.recurrent_bias, *cz = cr + H, *cn = cz + H;
    for (int64_t b = 0; b < streams.count; b++) {
      const float *xr = projected[b], *xz = xr + H, *xn = xz + H;
      float *gr = gates + b * 3 * H, *gz = gr + H, *gn = gz + H;
      const float *ur = recurrent + b * 3 * H, *uz = ur + H, *un = uz + H;
      const float* before = h + b * H;
      float *after = y + b * H, *kept = recurrent_n ? recurrent_n + b * H : nullptr;
      Element* operand = next ? next + b * H : nullptr;
      const auto unit = [&](int64_t j) {
        const float r = Sigmoid(xr[j] + ur[j] + (br[j] + cr[j]));
        const float z = Sigmoid(xz[j] + uz[j] + (bz[j] + cz[j]));
        const float m = un[j] + cn[j];
        const float n = Tanh(xn[j] + bn[j] + r * m);
        gr[j] = r, gz[j] = z, gn[j] = n;
        after[j] = n + z * (before[j] - n);
        return m;
      };
      if (kept) {
#pragma GCC ivdep
        for (int64_t j = begin; j < end; j++) kept[j] = unit(j);
      } else {
#pragma GCC ivdep
        for (int64_t j = begin; j < end; j++) unit(j);
      }
      if (operand) {
        for (int64_t j = begin; j < end; j++) Store(operand + j, after[j]);
      }
    }
  });
}

/// The gates r and z of reset-before, from W x in `projected` [B, 3H] and U h in `recurrent`
/// [B, 2H]; r ⊙ h goes to `reset` [B, H].
template <class Element>
void GatesResetBefore(const Streams& streams, int64_t H, const GruWeights& w,
                      const ProjectedRows& projected, const float* recurrent, const float* h,
                      float* gates, Element* reset) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    const float *br = w.input_bias, *bz = br + H;
    for (int64_t b = 0; b < streams.count; b++) {
      const float *xr = projected[b], *xz = xr + H;
      float *gr = gates + b * 3 * H, *gz = gr + H;
      const float *ur = recurrent + b * 2 * H, *uz = ur + H;
      const float* before = h + b * H;
      Element* out = reset + b * H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float r = Sigmoid(xr[j] + ur[j] + br[j]);
        gr[j] = r;
        gz[j] = Sigmoid(xz[j] + uz[j] + bz[j]);
        Store(out + j, r * before[j]);
      }
    }
  });
}

/// The rest of a step of reset-before, from U_n (r ⊙ h) in `candidate` [B, H].
template <class Element>
void StateResetBefore(const Streams& streams, int64_t H, const GruWeights& w,
                      const ProjectedRows& projected, const float* candidate, const float* h,
                      float* gates, float* y, Element* next) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    const float* bn = w.input_bias + 2 * H;
    for (int64_t b = 0; b < streams.count; b++) {
      const float* xn = projected[b] + 2 * H;
      float *gz = gates + b * 3 * H + H, *gn = gz + H;
      const float *un = candidate + b * H, *before = h + b * H;
      float* after = y + b * H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float n = Tanh(xn[j] + un[j] + bn[j]);
        gn[j] = n;
        after[j] = before[j] + gz[j] * (n - before[j]);
      }
      if (next) {
        for (int64_t j = begin; j < end; j++) Store(next + b * H + j, after[j]);
      }
    }
  });
}

/// W x of the layer's inputs.
template <class Element>
class Projection {
 public:
  /// @param rows of all inputs, T·B
  /// @param at_a_time rows that are mostly asked for
  Projection(const GruInputs& in, int64_t rows, int64_t width, const float* weights,
             int64_t columns, int64_t at_a_time)
      : x_(in.x), width_(width), columns_(columns) {
    if (x_ == nullptr) embedded_.emplace(in.ids, rows, in.table, in.vocabulary, width);
    packed_.emplace(weights, Stored::kTransposed, width, columns,
                    embedded_ ? embedded_->count() : at_a_time, kPrecisionOf<Element>);
    if (!embedded_) return;
    of_rows_.emplace(embedded_->count() * columns);
    Multiply(embedded_->rows(), embedded_->count(), of_rows_->data());
  }

  /// Computes the rows from `first` on into `projected` [count, columns], where the inputs are as
  /// they are; those of a table are there already.
  void Run(int64_t first, int64_t count, float* projected) {
    if (embedded_) return;
    first_ = first;
    projected_ = projected;
    Multiply(x_ + first * width_, count, projected);
  }

  /// One of the rows that were computed last.
  const float* Row(int64_t row) const {
    return embedded_ ? of_rows_->data() + embedded_->SlotOf(row) * columns_
                     : projected_ + (row - first_) * columns_;
  }

 private:
  void Multiply(const float* x, int64_t rows, float* products) const {
    const Operand<Element> operand(x, rows * width_);
    Product(packed_->ShapeFor(rows)).Run(operand.data(), packed_->data(), products);
  }

  const float* x_;
  int64_t width_, columns_;
  int64_t first_ = 0;
  const float* projected_ = nullptr;
  std::optional<EmbeddedInputs> embedded_;
  std::optional<PackedMatrix> packed_;
  /// W x of each different row [U, columns].
  std::optional<Buffer<float>> of_rows_;
};

/// From the gradient of W x those of `x` [rows, width], or of its table, and, unless that is null,
/// of W.
template <class Element>
void ProjectionBackward(const GruInputs& in, int64_t rows, int64_t width, const float* weights,
                        const Columns<Element>& d_projected, float* d_x, float* d_weights) {
  const int64_t columns = d_projected.count;
  const auto multiply = [&](const float* x, int64_t count, const Columns<Element>& d_products,
                            float* d_in) {
    const PackedMatrix packed(weights, Stored::kAsIs, columns, width, count, kPrecisionOf<Element>);
    ProductShape shape = packed.ShapeFor(count);
    shape.a_stride = d_products.stride;
    Product(shape).Run(d_products.first, packed.data(), d_in);
    if (d_weights == nullptr) return;
    const Operand<Element> operand(x, count * width);
    ProductOverRows(count, d_products, width, operand.data(), d_weights);
  };
  if (in.x != nullptr) {
    multiply(in.x, rows, d_projected, d_x);
    return;
  }
  const EmbeddedInputs embedded(in.ids, rows, in.table, in.vocabulary, width);
  Buffer<float> sums(embedded.count() * columns), d_rows(embedded.count() * width);
  embedded.AddUp(d_projected, sums.data());
  const Operand<Element> operand(sums.data(), embedded.count() * columns);
  multiply(embedded.rows(), embedded.count(), {operand.data(), columns, columns}, d_rows.data());
  embedded.Scatter(d_rows.data(), d_x);
}

template <class Element>
void Forward(const GruSizes& s, const GruInputs& in, const float* h0, const GruWeights& w, float* y,
             const GruWorkspace& workspace) {
  constexpr Precision precision = kPrecisionOf<Element>;
  constexpr bool converts = !std::is_same_v<Element, float>;
  const int64_t T = s.steps, B = s.batch, I = s.inputs, H = s.hidden;
  const int64_t at_a_time = StepsAtATime(T, B * 3 * H);
  Projection<Element> projection(in, T * B, I, w.inputs, 3 * H, at_a_time * B);
  Buffer<float> own_gates(workspace.gates ? 0 : at_a_time * B * 3 * H);

  // Reset-after takes U h of all gates at once; reset-before needs r before it can take n's.
  const int64_t at_once = s.reset_after ? 3 * H : 2 * H;
  const Division division(B, 3 * H * H);
  const PackedMatrix weights(w.recurrent, Stored::kTransposed, H, at_once, division.most(),
                             precision, division.alone());
  std::optional<PackedMatrix> candidate_weights;
  if (!s.reset_after) {
    candidate_weights.emplace(w.recurrent + 2 * H * H, Stored::kTransposed, H, H, division.most(),
                              precision, division.alone());
  }
  Buffer<float> recurrent(B * at_once), candidate(s.reset_after ? 0 : B * H);
  Buffer<Element> reset(s.reset_after ? 0 : B * H), state(converts ? B * H : 0);
  if (converts) Convert(h0, state.data(), B * H);

  for (int64_t first = 0; first < T; first += at_a_time) {
    const int64_t steps = std::min(at_a_time, T - first);
    float* projected = workspace.gates ? workspace.gates + first * B * 3 * H : own_gates.data();
    projection.Run(first * B, steps * B, projected);
    division.ForEach([&](const Streams& streams) {
      const int64_t at = streams.first;
      Product product(weights.ShapeFor(streams.count));
      std::optional<Product> candidate_product;
      if (!s.reset_after) candidate_product.emplace(candidate_weights->ShapeFor(streams.count));
      float* sums = recurrent + at * at_once;
      Element* next = converts ? state + at * H : nullptr;
      ProjectedRows rows(static_cast<size_t>(streams.count));
      for (int64_t t = first; t < first + steps; t++) {
        const float* before = (t > 0 ? y + (t - 1) * B * H : h0) + at * H;
        const void* operand = converts ? static_cast<const void*>(next) : before;
        float* gates = projected + ((t - first) * B + at) * 3 * H;
        float* after = y + (t * B + at) * H;
        for (size_t b = 0; b < rows.size(); b++) {
          rows[b] = projection.Row(t * B + at + static_cast<int64_t>(b));
        }
        product.Run(operand, weights.data(), sums);
        if (s.reset_after) {
          float* kept = workspace.recurrent_n ? workspace.recurrent_n + (t * B + at) * H : nullptr;
          StepResetAfter(streams, H, w, rows, sums, before, gates, kept, after, next);
        } else {
          Element* scaled = reset + at * H;
          float* candidate_sums = candidate + at * H;
          GatesResetBefore(streams, H, w, rows, sums, before, gates, scaled);
          candidate_product->Run(scaled, candidate_weights->data(), candidate_sums);
          StateResetBefore(streams, H, w, rows, candidate_sums, before, gates, after, next);
        }
      }
    });
  }
}

/// What the gradients of the weights are products of, from one step on.
template <class Element>
struct StepGradients {
  Element* projected;  ///< of W x, and for reset-before of what U gives: r, z, n [B, 3H]
  Element* recurrent;  ///< for reset-after: of U h + b' [B, 3H]
  Element* previous;   ///< the state before the step [B, H]
  Element* reset;      ///< for reset-before: r ⊙ that [B, H]
};

/// One step back through reset-after. `carry` [B, H] comes in as the gradient of this step's state
/// from later steps, and goes out as what reaches the state before it through z. `d_bias` adds up
/// the gradients of b, then of n's part of b' [4H].
template <class Element>
void StepBackResetAfter(const Streams& streams, int64_t H, const float* dy, const float* h,
                        const float* gates, const float* recurrent_n, float* carry,
                        const StepGradients<Element>& d, float* d_bias) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    float *dbr = d_bias, *dbz = dbr + H, *dbn = dbz + H, *dcn = dbn + H;
    for (int64_t b = 0; b < streams.count; b++) {
      const float *gr = gates + b * 3 * H, *gz = gr + H, *gn = gz + H;
      const float *m = recurrent_n + b * H, *before = h + b * H, *d_after = dy + b * H;
      float* through = carry + b * H;
      Element *dr = d.projected + b * 3 * H, *dz = dr + H, *dn = dz + H;
      Element *er = d.recurrent + b * 3 * H, *ez = er + H, *en = ez + H;
      Element* kept = d.previous + b * H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float dh = d_after[j] + through[j];
        const float r = gr[j], z = gz[j], n = gn[j];
        const float an = dh * (1 - z) * (1 - n * n);
        const float az = dh * (before[j] - n) * z * (1 - z);
        const float ar = an * m[j] * r * (1 - r);
        const float un = an * r;
        through[j] = dh * z;
        Store(dr + j, ar), Store(dz + j, az), Store(dn + j, an);
        Store(er + j, ar), Store(ez + j, az), Store(en + j, un);
        Store(kept + j, before[j]);
        dbr[j] += ar, dbz[j] += az, dbn[j] += an, dcn[j] += un;
      }
    }
  });
}

/// The first half of a step back through reset-before: z and n, before what r scales is known.
template <class Element>
void CandidateBackResetBefore(const Streams& streams, int64_t H, const float* dy, const float* h,
                              const float* gates, float* carry, const StepGradients<Element>& d,
                              float* d_bias) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    float *dbz = d_bias + H, *dbn = dbz + H;
    for (int64_t b = 0; b < streams.count; b++) {
      const float *gz = gates + b * 3 * H + H, *gn = gz + H;
      const float *before = h + b * H, *d_after = dy + b * H;
      float* through = carry + b * H;
      Element *dz = d.projected + b * 3 * H + H, *dn = dz + H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float dh = d_after[j] + through[j];
        const float z = gz[j], n = gn[j];
        const float an = dh * z * (1 - n * n);
        const float az = dh * (n - before[j]) * z * (1 - z);
        through[j] = dh * (1 - z);
        Store(dz + j, az), Store(dn + j, an);
        dbz[j] += az, dbn[j] += an;
      }
    }
  });
}

/// The second half: r, from the gradient of r ⊙ h in `d_reset` [B, H].
template <class Element>
void ResetBackResetBefore(const Streams& streams, int64_t H, const float* h, const float* gates,
                          const float* d_reset, float* carry, const StepGradients<Element>& d,
                          float* d_bias) {
  ForUnits(streams, H, [&](int64_t begin, int64_t end) {
    for (int64_t b = 0; b < streams.count; b++) {
      const float *gr = gates + b * 3 * H, *before = h + b * H, *d_scaled = d_reset + b * H;
      float* through = carry + b * H;
      Element *dr = d.projected + b * 3 * H, *kept = d.previous + b * H, *scaled = d.reset + b * H;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) {
        const float r = gr[j];
        const float ar = d_scaled[j] * before[j] * r * (1 - r);
        through[j] += d_scaled[j] * r;
        Store(dr + j, ar), Store(kept + j, before[j]), Store(scaled + j, r * before[j]);
        d_bias[j] += ar;
      }
    }
  });
}

template <class Element>
void Backward(const GruSizes& s, const GruInputs& in, const float* h0, const GruWeights& w,
              const float* y, const GruWorkspace& workspace, const float* dy,
              const GruGradients& d) {
  constexpr Precision precision = kPrecisionOf<Element>;
  const int64_t T = s.steps, B = s.batch, I = s.inputs, H = s.hidden;
  Buffer<Element> d_projected(T * B * 3 * H), d_recurrent(s.reset_after ? T * B * 3 * H : 0);
  Buffer<Element> previous(T * B * H), reset(s.reset_after ? 0 : T * B * H);
  // Reset-after takes back the gradients of all gates at once.
  const int64_t at_once = s.reset_after ? 3 * H : 2 * H;
  const Division division(B, 3 * H * H);
  // The gradients of b, and of n's part of b'.
  const PartialSums bias_sums(division.groups(), 4 * H);
  {
    const PackedMatrix weights(w.recurrent, Stored::kAsIs, at_once, H, division.most(), precision,
                               division.alone());
    std::optional<PackedMatrix> candidate_weights;
    if (!s.reset_after) {
      candidate_weights.emplace(w.recurrent + 2 * H * H, Stored::kAsIs, H, H, division.most(),
                                precision, division.alone());
    }
    Buffer<float> d_reset(s.reset_after ? 0 : B * H);
    division.ForEach([&](const Streams& streams) {
      const int64_t at = streams.first;
      ProductShape into_carry = weights.ShapeFor(streams.count);
      into_carry.a_stride = 3 * H;
      into_carry.accumulate = true;
      Product to_carry(into_carry);
      std::optional<Product> to_reset;
      if (!s.reset_after) {
        ProductShape into_reset = candidate_weights->ShapeFor(streams.count);
        into_reset.a_stride = 3 * H;
        to_reset.emplace(into_reset);
      }
      float *sums = bias_sums.Of(streams.group), *carry = d.initial_state + at * H;
      std::memset(carry, 0, sizeof(float) * streams.count * H);
      for (int64_t t = T - 1; t >= 0; t--) {
        const int64_t row = t * B + at;
        const float* before = (t > 0 ? y + (t - 1) * B * H : h0) + at * H;
        const float *gates = workspace.gates + row * 3 * H, *d_after = dy + row * H;
        StepGradients<Element> step{d_projected + row * 3 * H, nullptr, previous + row * H,
                                    nullptr};
        if (s.reset_after) {
          step.recurrent = d_recurrent + row * 3 * H;
          StepBackResetAfter(streams, H, d_after, before, gates, workspace.recurrent_n + row * H,
                             carry, step, sums);
          to_carry.Run(step.recurrent, weights.data(), carry);
        } else {
          step.reset = reset + row * H;
          float* d_scaled = d_reset + at * H;
          CandidateBackResetBefore(streams, H, d_after, before, gates, carry, step, sums);
          to_reset->Run(step.projected + 2 * H, candidate_weights->data(), d_scaled);
          ResetBackResetBefore(streams, H, before, gates, d_scaled, carry, step, sums);
          to_carry.Run(step.projected, weights.data(), carry);
        }
      }
    });
  }
  bias_sums.AddUp(0, 3 * H, d.input_bias);
  if (s.reset_after) {
    std::memcpy(d.recurrent_bias, d.input_bias, sizeof(float) * 2 * H);
    bias_sums.AddUp(3 * H, H, d.recurrent_bias + 2 * H);
  }

  const Columns<Element> d_gates{d_projected.data(), 3 * H, 3 * H};
  ProjectionBackward(in, T * B, I, w.inputs, d_gates, d.x, d.inputs);
  if (d.recurrent == nullptr) return;
  if (s.reset_after) {
    ProductOverRows(T * B, 3 * H, H, d_recurrent.data(), previous.data(), d.recurrent);
    return;
  }
  // For n the state was scaled by r.
  const Columns<Element> d_r_z{d_gates.first, 2 * H, 3 * H}, d_n{d_gates.first + 2 * H, H, 3 * H};
  ProductOverRows(T * B, d_r_z, H, previous.data(), d.recurrent);
  ProductOverRows(T * B, d_n, H, reset.data(), d.recurrent + 2 * H * H);
}

}  // namespace

void GruForward(const GruSizes& sizes, const GruInputs& inputs, const float* h0,
                const GruWeights& weights, float* y, const GruWorkspace& workspace) {
  WithElement(sizes.precision, [&](auto element) {
    Forward<decltype(element)>(sizes, inputs, h0, weights, y, workspace);
  });
}

void GruBackward(const GruSizes& sizes, const GruInputs& inputs, const float* h0,
                 const GruWeights& weights, const float* y, const GruWorkspace& workspace,
                 const float* dy, const GruGradients& gradients) {
  WithElement(sizes.precision, [&](auto element) {
    Backward<decltype(element)>(sizes, inputs, h0, weights, y, workspace, dy, gradients);
  });
}

}  // namespace gru_lm
