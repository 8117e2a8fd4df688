#include "products.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../operand.h"
#include "../parallel.h"
#include "../product.h"

namespace {

using namespace gru_lm;

/// Elements right before a page that may not be touched. The sanitizers do not see what a tile is
/// loaded from.
template <class Element>
class Guarded {
 public:
  explicit Guarded(int64_t count) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = static_cast<size_t>(count) * sizeof(Element);
    pages_ = (bytes + page - 1) / page * page;
    start_ = static_cast<char*>(
        mmap(nullptr, pages_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(start_ + pages_, page, PROT_NONE);
    size_ = pages_ + page;
    data_ = reinterpret_cast<Element*>(start_ + pages_ - bytes);
  }
  ~Guarded() { munmap(start_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  Element* data() const { return data_; }
  Element& operator[](int64_t i) const { return data_[i]; }

 private:
  char* start_;
  size_t pages_, size_;
  Element* data_;
};

/// Numbers of few digits, whose products and sums are exact in any order: k / 8 in [−1, 1].
class Digits {
 public:
  float Next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<int>(state_ >> 28) - 8) / 8.0f;
  }

 private:
  uint32_t state_ = 1;
};

/// How B is given, and which way round A is.
enum class Kind { kPacked, kPackedTransposed, kPlain, kOverRows };

template <class Element>
void Require(int64_t m, int64_t k, int64_t n, Kind kind, bool accumulate, int64_t more_columns) {
  Digits digits;
  const bool over_rows = kind == Kind::kOverRows, is_transposed = kind == Kind::kPackedTransposed;
  const int64_t a_rows = over_rows ? k : m, a_width = over_rows ? m : k;
  const int64_t stride = a_width + more_columns;
  // The last row may end where its columns do.
  const int64_t a_count = (a_rows - 1) * stride + a_width;
  std::vector<float> a_digits(static_cast<size_t>(a_count)), b_digits(static_cast<size_t>(k * n));
  const Guarded<Element> a(a_count), b(k * n);
  const Guarded<float> b_values(k * n), c(m * n);
  // What rounding has to take away.
  const float more = std::is_same_v<Element, float> ? 1 : 1 + 1.0f / 1024;
  for (int64_t i = 0; i < a_count; i++) Store(&a[i], more * (a_digits[i] = digits.Next()));
  for (int64_t i = 0; i < k * n; i++) {
    Store(&b[i], b_values[i] = more * (b_digits[i] = digits.Next()));
  }
  std::vector<float> expected(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m * n; i++) expected[i] = accumulate ? c[i] = digits.Next() : 0;
  if (!accumulate) {
    for (int64_t i = 0; i < m * n; i++) c[i] = NAN;
  }
  for (int64_t i = 0; i < m; i++) {
    for (int64_t p = 0; p < k; p++) {
      const float factor = over_rows ? a_digits[p * stride + i] : a_digits[i * stride + p];
      for (int64_t j = 0; j < n; j++) {
        expected[i * n + j] += factor * b_digits[is_transposed ? j * k + p : p * n + j];
      }
    }
  }

  ProductShape shape;
  shape.m = m;
  shape.k = k;
  shape.n = n;
  shape.precision = kPrecisionOf<Element>;
  shape.transposed_a = over_rows;
  if (kind == Kind::kPacked || is_transposed) {
    const PackedMatrix packed(b_values.data(), is_transposed ? Stored::kTransposed : Stored::kAsIs,
                              k, n, m, shape.precision);
    shape = packed.ShapeFor(m);
    shape.accumulate = accumulate;
    shape.a_stride = stride;
    Product(shape).Run(a.data(), packed.data(), c.data());
  } else {
    shape.accumulate = accumulate;
    shape.a_stride = stride;
    Product(shape).Run(a.data(), b.data(), c.data());
  }
  for (int64_t i = 0; i < m * n; i++) {
    if (c[i] == expected[i]) continue;
    std::fprintf(stderr, "product %ld %ld %ld of kind %d%s: [%ld] should be %g; it is %g\n", m, k,
                 n, static_cast<int>(kind), accumulate ? ", added" : "", i, expected[i], c[i]);
    std::exit(1);
  }
}

template <class Element>
void RequireAll(int64_t m, int64_t k, int64_t n) {
  for (const Kind kind : {Kind::kPacked, Kind::kPackedTransposed, Kind::kPlain, Kind::kOverRows}) {
    for (const bool accumulate : {false, true}) {
      for (const int64_t more_columns : {0, 3}) {
        Require<Element>(m, k, n, kind, accumulate, more_columns);
      }
    }
  }
}

}  // namespace

void RequireProducts(Precision precision) {
  WithElement(precision, [](auto element) {
    using Element = decltype(element);
    for (const int64_t m : {1, 17, 33}) {
      for (const int64_t k : {1, 32, 65}) {
        for (const int64_t n : {1, 32, 50}) RequireAll<Element>(m, k, n);
      }
    }
    // More than is multiplied at a time, and worth several threads.
    RequireAll<Element>(5, 2100, 70);
    RequireAll<Element>(40, 33, 600);
    RequireAll<Element>(600, 35, 40);
  });
}
