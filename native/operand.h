// Float32 arrays as what products are computed from.
#pragma once

#include <type_traits>

#include "buffer.h"
#include "numbers.h"
#include "parallel.h"

namespace gru_lm {

template <class Element>
constexpr Precision kPrecisionOf =
    std::is_same_v<Element, Bfloat16>       ? Precision::kBfloat16
    : std::is_same_v<Element, RoundedFloat> ? Precision::kRoundedFloat
                                            : Precision::kFloat32;

/// Some neighbouring columns of a matrix [rows, stride].
template <class Element>
struct Columns {
  const Element* first;
  int64_t count, stride;
};

/// `count` elements from one thread's share on are worth another thread.
constexpr int64_t kElementsAThread = 8192;

template <class Element>
void Convert(const float* from, Element* to, int64_t count) {
  ParallelFor(count, kElementsAThread, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) Store(to + i, from[i]);
  });
}

/// An array in a product's element type: itself where that is float32, otherwise a converted copy.
template <class Element>
class Operand {
 public:
  Operand(const float* values, int64_t count)
      : values_(values), converted_(std::is_same_v<Element, float> ? 0 : count) {
    if constexpr (!std::is_same_v<Element, float>) Convert(values, converted_.data(), count);
  }
  const Element* data() const {
    if constexpr (std::is_same_v<Element, float>) {
      return values_;
    } else {
      return converted_.data();
    }
  }

 private:
  const float* values_;
  Buffer<Element> converted_;
};

/// Calls `body` with a float, a Bfloat16 or a RoundedFloat, as the precision asks.
template <class Body>
void WithElement(Precision precision, const Body& body) {
  if (precision == Precision::kBfloat16) {
    body(Bfloat16{});
  } else if (precision == Precision::kRoundedFloat) {
    body(RoundedFloat{});
  } else {
    body(float{});
  }
}

}  // namespace gru_lm
