#include "embedded_inputs.h"

#include <algorithm>
#include <cstring>

#include "operand.h"
#include "parallel.h"

namespace gru_lm {
namespace {

/// The row of the table that each slot stands for; `slots` [count] are filled in.
std::vector<int32_t> FindSlots(const int32_t* ids, int64_t count, int64_t vocabulary,
                               int32_t* slots) {
  std::vector<int32_t> slot_of_row(static_cast<size_t>(vocabulary), -1), rows;
  for (int64_t i = 0; i < count; i++) {
    int32_t& slot = slot_of_row[static_cast<size_t>(ids[i])];
    if (slot < 0) {
      slot = static_cast<int32_t>(rows.size());
      rows.push_back(ids[i]);
    }
    slots[i] = slot;
  }
  return rows;
}

inline float Value(float value) { return value; }
inline float Value(RoundedFloat value) { return value.value; }
inline float Value(Bfloat16 value) { return BitsToFloat(static_cast<uint32_t>(value.bits) << 16); }

}  // namespace

EmbeddedInputs::EmbeddedInputs(const int32_t* ids, int64_t count, const float* table,
                               int64_t vocabulary, int64_t width)
    : id_count_(count),
      vocabulary_(vocabulary),
      width_(width),
      slots_(count),
      row_of_slot_(FindSlots(ids, count, vocabulary, slots_.data())),
      rows_(this->count() * width) {
  for (int64_t slot = 0; slot < this->count(); slot++) {
    std::memcpy(rows_ + slot * width, table + row_of_slot_[static_cast<size_t>(slot)] * width,
                sizeof(float) * static_cast<size_t>(width));
  }
}

template <class Element>
void EmbeddedInputs::AddUp(const Columns<Element>& gradients, float* sums) const {
  const int64_t columns = gradients.count;
  // A thread takes some columns of all rows, so that the order of the sums is always the same.
  const int64_t grain = std::max<int64_t>(16, kElementsAThread / std::max<int64_t>(1, id_count_));
  ParallelFor(columns, grain, 16, [&](int64_t begin, int64_t end) {
    for (int64_t slot = 0; slot < count(); slot++) {
      std::fill(sums + slot * columns + begin, sums + slot * columns + end, 0.0f);
    }
    for (int64_t i = 0; i < id_count_; i++) {
      float* sum = sums + SlotOf(i) * columns;
      const Element* gradient = gradients.first + i * gradients.stride;
#pragma GCC ivdep
      for (int64_t j = begin; j < end; j++) sum[j] += Value(gradient[j]);
    }
  });
}

template void EmbeddedInputs::AddUp(const Columns<float>&, float*) const;
template void EmbeddedInputs::AddUp(const Columns<Bfloat16>&, float*) const;
template void EmbeddedInputs::AddUp(const Columns<RoundedFloat>&, float*) const;

void EmbeddedInputs::Scatter(const float* gradients, float* d_table) const {
  std::fill(d_table, d_table + vocabulary_ * width_, 0.0f);
  for (int64_t slot = 0; slot < count(); slot++) {
    std::memcpy(d_table + row_of_slot_[static_cast<size_t>(slot)] * width_,
                gradients + slot * width_, sizeof(float) * static_cast<size_t>(width_));
  }
}

}  // namespace gru_lm
