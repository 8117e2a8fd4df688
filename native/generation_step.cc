#include "generation_step.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "buffer.h"
#include "parallel.h"

namespace gru_lm {
namespace {

/// Multiplications that are worth another thread.
constexpr int64_t kMultiplicationsAThread = 1 << 18;
/// As many sums as a register may hold, added up side by side.
constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
/// The same where it stands in an array.
typedef float LanesInArray
    __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

/// Σ_k rows[i · stride + k] x[k] to out[i], for kRows rows. The order of the sums is fixed.
template <int kRows>
void Dot(const float* rows, int64_t stride, const float* x, int64_t k, float* out) {
  Lanes sums[kRows] = {};
  const int64_t whole = k / kLanes * kLanes;
  for (int64_t p = 0; p < whole; p += kLanes) {
    const Lanes factor = *reinterpret_cast<const LanesInArray*>(x + p);
    for (int i = 0; i < kRows; i++) {
      sums[i] += *reinterpret_cast<const LanesInArray*>(rows + i * stride + p) * factor;
    }
  }
  for (int i = 0; i < kRows; i++) {
    float parts[kLanes];
    std::memcpy(parts, &sums[i], sizeof parts);
    for (int half = kLanes / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) parts[lane] += parts[lane + half];
    }
    float sum = parts[0];
    for (int64_t p = whole; p < k; p++) sum += rows[i * stride + p] * x[p];
    out[i] = sum;
  }
}

/// out[b · out_stride + row] = weight[row] · x[b] for rows in [begin, end) and x [B, K].
void Multiply(const float* weight, int64_t k, int64_t begin, int64_t end, const float* x,
              int64_t batch, float* out, int64_t out_stride) {
  constexpr int kAtATime = 8;
  int64_t row = begin;
  for (; row + kAtATime <= end; row += kAtATime) {
    for (int64_t b = 0; b < batch; b++) {
      Dot<kAtATime>(weight + row * k, k, x + b * k, k, out + b * out_stride + row);
    }
  }
  for (; row < end; row++) {
    for (int64_t b = 0; b < batch; b++) {
      Dot<1>(weight + row * k, k, x + b * k, k, out + b * out_stride + row);
    }
  }
}

/// One layer: `x` [B, I] and `h` [B, H] to `y` [B, H]. `projected` and `recurrent` [B, 3H] are
/// scratch.
void Layer(const GenerationModel& m, const GruWeights& w, int64_t batch, int64_t inputs,
           const float* x, const float* h, float* projected, float* recurrent, float* y) {
  const int64_t H = m.hidden;
  const int threads = ThreadsFor(3 * H * (inputs + H) * batch, kMultiplicationsAThread);
  const auto sums = [&](int64_t first, int64_t begin, int64_t end) {
    Multiply(w.inputs, inputs, first + begin, first + end, x, batch, projected, 3 * H);
  };
  const auto recurrent_sums = [&](int64_t first, int64_t begin, int64_t end, const float* state) {
    Multiply(w.recurrent, H, first + begin, first + end, state, batch, recurrent, 3 * H);
  };
  if (m.reset_after) {
    OnThreads(threads, [&](int thread, int count) {
      const Range range(H, thread, count, kLanes);
      for (int gate = 0; gate < 3; gate++) {
        sums(gate * H, range.begin, range.end);
        recurrent_sums(gate * H, range.begin, range.end, h);
      }
      for (int64_t b = 0; b < batch; b++) {
        const float *p = projected + b * 3 * H, *u = recurrent + b * 3 * H;
        const float *bi = w.input_bias, *bh = w.recurrent_bias;
#pragma GCC ivdep
        for (int64_t j = range.begin; j < range.end; j++) {
          const float r = Sigmoid(p[j] + u[j] + (bi[j] + bh[j]));
          const float z = Sigmoid(p[H + j] + u[H + j] + (bi[H + j] + bh[H + j]));
          const float n = Tanh(p[2 * H + j] + bi[2 * H + j] + r * (u[2 * H + j] + bh[2 * H + j]));
          y[b * H + j] = n + z * (h[b * H + j] - n);
        }
      }
    });
    return;
  }
  // y holds r ⊙ h until every thread has read it.
  OnThreads(threads, [&](int thread, int count) {
    const Range range(H, thread, count, kLanes);
    for (int gate = 0; gate < 3; gate++) sums(gate * H, range.begin, range.end);
    for (int gate = 0; gate < 2; gate++) recurrent_sums(gate * H, range.begin, range.end, h);
    for (int64_t b = 0; b < batch; b++) {
      const float *p = projected + b * 3 * H, *u = recurrent + b * 3 * H;
#pragma GCC ivdep
      for (int64_t j = range.begin; j < range.end; j++) {
        y[b * H + j] = Sigmoid(p[j] + u[j] + w.input_bias[j]) * h[b * H + j];
      }
    }
  });
  OnThreads(threads, [&](int thread, int count) {
    const Range range(H, thread, count, kLanes);
    recurrent_sums(2 * H, range.begin, range.end, y);
  });
  for (int64_t b = 0; b < batch; b++) {
    const float *p = projected + b * 3 * H, *u = recurrent + b * 3 * H, *bi = w.input_bias;
#pragma GCC ivdep
    for (int64_t j = 0; j < H; j++) {
      const float z = Sigmoid(p[H + j] + u[H + j] + bi[H + j]);
      const float n = Tanh(p[2 * H + j] + u[2 * H + j] + bi[2 * H + j]);
      y[b * H + j] = h[b * H + j] + z * (n - h[b * H + j]);
    }
  }
}

/// Takes log Σ e^score off the scores. Sums run in lanes, in a fixed order.
void Normalize(float* scores, int64_t count) {
  const int64_t whole = count / kLanes * kLanes;
  float maxima[kLanes], sums[kLanes] = {};
  for (float& lane : maxima) lane = -INFINITY;
  for (int64_t v = 0; v < whole; v += kLanes) {
    for (int i = 0; i < kLanes; i++) {
      maxima[i] = scores[v + i] > maxima[i] ? scores[v + i] : maxima[i];
    }
  }
  float most = -INFINITY, sum = 0;
  for (int64_t v = whole; v < count; v++) most = std::max(most, scores[v]);
  for (const float lane : maxima) most = std::max(most, lane);
  for (int64_t v = 0; v < whole; v += kLanes) {
    for (int i = 0; i < kLanes; i++) sums[i] += Exp(scores[v + i] - most);
  }
  for (int64_t v = whole; v < count; v++) sum += Exp(scores[v] - most);
  for (const float lane : sums) sum += lane;
  const float log_sum = most + std::log(sum);
  for (int64_t v = 0; v < count; v++) scores[v] -= log_sum;
}

}  // namespace

void GenerationStep(const GenerationModel& m, int64_t batch, const int32_t* ids,
                    const float* states, float* log_probabilities, float* new_states) {
  const int64_t H = m.hidden, E = m.embedding_size, V = m.vocabulary;
  Buffer<float> embedded(batch * E), projected(batch * 3 * H), recurrent(batch * 3 * H);
  for (int64_t b = 0; b < batch; b++) {
    std::memcpy(embedded + b * E, m.embedding + ids[b] * E, sizeof(float) * E);
  }
  const float* x = embedded.data();
  int64_t inputs = E;
  for (size_t layer = 0; layer < m.layers.size(); layer++) {
    const int64_t at = static_cast<int64_t>(layer) * batch * H;
    Layer(m, m.layers[layer], batch, inputs, x, states + at, projected.data(), recurrent.data(),
          new_states + at);
    x = new_states + at;
    inputs = H;
  }
  OnThreads(ThreadsFor(V * H * batch, kMultiplicationsAThread), [&](int thread, int count) {
    const Range range(V, thread, count, kLanes);
    Multiply(m.output_weight, H, range.begin, range.end, x, batch, log_probabilities, V);
    for (int64_t b = 0; b < batch; b++) {
      for (int64_t v = range.begin; v < range.end; v++)
        log_probabilities[b * V + v] += m.output_bias[v];
    }
  });
  for (int64_t b = 0; b < batch; b++) Normalize(log_probabilities + b * V, V);
}

}  // namespace gru_lm
