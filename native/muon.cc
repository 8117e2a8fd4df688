#include "muon.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include "buffer.h"
#include "clip.h"
#include "operand.h"
#include "parallel.h"
#include "product.h"
#include "sums.h"

namespace gru_lm {
namespace {

/// ax + bx³ + cx⁵ of singular values x.
struct Polynomial {
  float a, b, c;
};
/// One after the other they take what is in [0.02, 1] to [0.9, 1.1]: see `src/ops/muon.ts`.
constexpr Polynomial kPolynomials[] = {{7.64178f, -21.491012f, 15.481631f},
                                       {3.199772f, -2.355871f, 0.479919f},
                                       {2.217897f, -1.572988f, 0.397052f}};
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

/// Makes matrices of one size orthogonal.
template <class Element>
class Orthogonalisation {
 public:
  /// @param alone one thread runs it, while others may be at other matrices
  Orthogonalisation(int64_t tall, int64_t narrow, bool alone)
      : tall_(tall),
        narrow_(narrow),
        alone_(alone),
        x_(tall * narrow),
        gram_(narrow * narrow),
        factor_(narrow * narrow),
        gram_sums_(narrow * narrow),
        square_sums_(narrow * narrow),
        next_(tall * narrow) {}

  bool IsFor(int64_t tall, int64_t narrow) const { return tall == tall_ && narrow == narrow_; }

  /// In place.
  void Run(float* matrix, bool is_wide) {
    const int64_t size = tall_ * narrow_;
    const float norm = static_cast<float>(std::sqrt(SumOfSquares(matrix, size)));
    Load(matrix, tall_, narrow_, is_wide, norm > kLeastNorm ? 1.0f / norm : 0.0f, x_.data());
    for (const Polynomial& polynomial : kPolynomials) {
      if (&polynomial != kPolynomials) Convert(next_.data(), x_.data(), size);
      Next(polynomial);
    }
    if (!is_wide) {
      std::copy(next_.data(), next_ + size, matrix);
    } else {
      // Back from [columns, rows].
      Load(next_.data(), narrow_, tall_, true, 1.0f, matrix);
    }
  }

 private:
  /// next = X (a + b XᵀX + c (XᵀX)²), of whose singular values the polynomial is.
  void Next(const Polynomial& polynomial) {
    ProductOverRows(tall_, narrow_, narrow_, x_.data(), x_.data(), gram_sums_.data(), false,
                    alone_);
    Convert(gram_sums_.data(), gram_.data(), narrow_ * narrow_);
    Multiply(narrow_, narrow_, narrow_, gram_.data(), gram_.data(), square_sums_.data(), alone_);
    ParallelFor(narrow_, kElementsAThread / narrow_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const float *gram = gram_sums_ + i * narrow_, *square = square_sums_ + i * narrow_;
        Element* factor = factor_ + i * narrow_;
        for (int64_t j = 0; j < narrow_; j++) {
          Store(factor + j, polynomial.b * gram[j] + polynomial.c * square[j]);
        }
        Store(factor + i, polynomial.a + polynomial.b * gram[i] + polynomial.c * square[i]);
      }
    });
    Multiply(tall_, narrow_, narrow_, x_.data(), factor_.data(), next_.data(), alone_);
  }

  int64_t tall_, narrow_;
  bool alone_;
  Buffer<Element> x_, gram_, factor_;
  Buffer<float> gram_sums_, square_sums_, next_;
};

/// One matrix of a weight, from its element `offset` on.
struct Task {
  const MuonWeight* weight;
  int64_t offset;
  int64_t tall() const { return std::max(weight->rows, weight->columns); }
  int64_t narrow() const { return std::min(weight->rows, weight->columns); }
  int64_t size() const { return weight->rows * weight->columns; }
};

/// Updates matrices one after the other; what it needs for that it keeps for the next of that size.
template <class Element>
class Updater {
 public:
  Updater(const MuonConstants& constants, bool alone) : constants_(constants), alone_(alone) {}

  void Run(const Task& task) {
    const float momentum = constants_.momentum, kept = constants_.kept;
    const MuonWeight& weight = *task.weight;
    const float *value = weight.value + task.offset, *velocity = weight.velocity + task.offset,
                *gradient = weight.gradient + task.offset;
    // The direction is made where the value will be.
    float *next = weight.next_value + task.offset,
          *next_velocity = weight.next_velocity + task.offset;
    ForEach(task, [=](int64_t i) {
      next_velocity[i] = momentum * velocity[i] + gradient[i];
      next[i] = gradient[i] + momentum * next_velocity[i];
    });
    if (work_ == nullptr || !work_->IsFor(task.tall(), task.narrow())) {
      work_ = nullptr;  // frees the last one first
      work_ = std::make_unique<Orthogonalisation<Element>>(task.tall(), task.narrow(), alone_);
    }
    work_->Run(next, weight.columns > weight.rows);
    const float step = constants_.rate * 0.2f * std::sqrt(static_cast<float>(task.tall()));
    ForEach(task, [=](int64_t i) { next[i] = kept * value[i] - step * next[i]; });
  }

 private:
  template <class Body>
  void ForEach(const Task& task, const Body& body) {
    ParallelFor(task.size(), kElementsAThread, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) body(i);
    });
  }

  MuonConstants constants_;
  bool alone_;
  std::unique_ptr<Orthogonalisation<Element>> work_;
};

/// All matrices, those first that take longest.
std::vector<Task> TasksOf(const std::vector<MuonWeight>& weights) {
  std::vector<Task> tasks;
  for (const MuonWeight& weight : weights) {
    for (int64_t i = 0; i < weight.count; i++) {
      tasks.push_back({&weight, i * weight.rows * weight.columns});
    }
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
    return a.size() * a.narrow() > b.size() * b.narrow();
  });
  return tasks;
}

}  // namespace

void MuonUpdate(const std::vector<MuonWeight>& weights, const MuonConstants& constants) {
  const std::vector<Task> tasks = TasksOf(weights);
  WithElement(constants.precision, [&](auto element) {
    using Work = Updater<decltype(element)>;
    // As many matrices for each thread as all can have, then the rest together: a product is soon
    // done, and to share it means to wait for each other every time.
    const size_t threads = omp_get_max_threads(), alone = tasks.size() / threads * threads;
    if (alone > 0) {
      std::atomic<size_t> next{0};
      OnThreads(static_cast<int>(threads), [&](int, int) {
        Work work(constants, true);
        for (size_t i = next++; i < alone; i = next++) work.Run(tasks[i]);
      });
    }
    Work work(constants, false);
    for (size_t i = alone; i < tasks.size(); i++) work.Run(tasks[i]);
  });
}

}  // namespace gru_lm
