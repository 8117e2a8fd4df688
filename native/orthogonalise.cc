#include "orthogonalise.h"

#include <algorithm>
#include <cmath>

#include "buffer.h"
#include "clip.h"
#include "operand.h"
#include "parallel.h"
#include "product.h"
#include "sums.h"

namespace gru_lm {
namespace {

/// Of the polynomial ax + bx³ + cx⁵, which takes singular values in (0, 1] towards 1.
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
constexpr int kIterations = 5;
/// A matrix whose norm is less counts as zeros: the squares of its elements would be.
constexpr float kLeastNorm = 1e-15f;

/// C [m, n] = A [m, k] · B [k, n].
template <class Element>
void Multiply(int64_t m, int64_t k, int64_t n, const Element* a, const Element* b, float* c,
              bool alone) {
  ProductShape shape;
  shape.alone = alone;
  shape.m = m;
  shape.k = k;
  shape.n = n;
  shape.precision = kPrecisionOf<Element>;
  Product(shape).Run(a, b, c);
}

/// X = matrix · scale, transposed where the matrix is wide, so that X [tall, narrow] never is.
template <class Element>
void Load(const float* matrix, int64_t tall, int64_t narrow, bool is_wide, float scale,
          Element* x) {
  ParallelFor(tall, kElementsAThread / narrow, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      for (int64_t j = 0; j < narrow; j++) {
        Store(x + i * narrow + j,
              scale * (is_wide ? matrix[j * tall + i] : matrix[i * narrow + j]));
      }
    }
  });
}

template <class Element>
class Iteration {
 public:
  /// @param alone one thread runs it, while others may be at other matrices
  Iteration(int64_t tall, int64_t narrow, bool alone)
      : tall_(tall),
        narrow_(narrow),
        alone_(alone),
        x_(tall * narrow),
        gram_(narrow * narrow),
        factor_(narrow * narrow),
        gram_sums_(narrow * narrow),
        square_sums_(narrow * narrow),
        next_(tall * narrow) {}

  void Run(const float* matrix, bool is_wide, float* result) {
    const int64_t size = tall_ * narrow_;
    const float norm = static_cast<float>(std::sqrt(SumOfSquares(matrix, size)));
    Load(matrix, tall_, narrow_, is_wide, norm > kLeastNorm ? 1.0f / norm : 0.0f, x_.data());
    for (int i = 0; i < kIterations; i++) {
      if (i > 0) Convert(next_.data(), x_.data(), size);
      Next();
    }
    if (!is_wide) {
      std::copy(next_.data(), next_ + size, result);
    } else {
      // Back from [columns, rows].
      Load(next_.data(), narrow_, tall_, true, 1.0f, result);
    }
  }

 private:
  /// next = X (a + b XᵀX + c (XᵀX)²)
  void Next() {
    ProductOverRows(tall_, narrow_, narrow_, x_.data(), x_.data(), gram_sums_.data(), false,
                    alone_);
    Convert(gram_sums_.data(), gram_.data(), narrow_ * narrow_);
    Multiply(narrow_, narrow_, narrow_, gram_.data(), gram_.data(), square_sums_.data(), alone_);
    ParallelFor(narrow_, kElementsAThread / narrow_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const float *gram = gram_sums_ + i * narrow_, *square = square_sums_ + i * narrow_;
        Element* factor = factor_ + i * narrow_;
        for (int64_t j = 0; j < narrow_; j++) Store(factor + j, kB * gram[j] + kC * square[j]);
        Store(factor + i, kA + kB * gram[i] + kC * square[i]);
      }
    });
    Multiply(tall_, narrow_, narrow_, x_.data(), factor_.data(), next_.data(), alone_);
  }

  int64_t tall_, narrow_;
  bool alone_;
  Buffer<Element> x_, gram_, factor_;
  Buffer<float> gram_sums_, square_sums_, next_;
};

}  // namespace

void Orthogonalise(const OrthogonaliseSizes& s, const float* matrices, float* results) {
  const bool is_wide = s.columns > s.rows;
  const int64_t tall = std::max(s.rows, s.columns), narrow = std::min(s.rows, s.columns);
  WithElement(s.precision, [&](auto element) {
    using Work = Iteration<decltype(element)>;
    const auto run = [&](Work& work, int64_t i) {
      const int64_t at = i * s.rows * s.columns;
      work.Run(matrices + at, is_wide, results + at);
    };
    // As many matrices for each thread as all can have, then the rest together: a product is soon
    // done, and to share it means to wait for each other every time.
    const int64_t threads = omp_get_max_threads(), each = s.count / threads;
    if (each > 0) {
      OnThreads(static_cast<int>(threads), [&](int thread, int count) {
        Work work(tall, narrow, true);
        for (int64_t i = thread; i < each * threads; i += count) run(work, i);
      });
    }
    if (each * threads == s.count) return;
    Work work(tall, narrow, false);
    for (int64_t i = each * threads; i < s.count; i++) run(work, i);
  });
}

}  // namespace gru_lm
