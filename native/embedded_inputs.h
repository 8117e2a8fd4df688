// The rows of a table that token ids name, each of them once.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.h"
#include "numbers.h"
#include "operand.h"

namespace gru_lm {

/// Gathers the rows that occur, in the order in which they occur first.
class EmbeddedInputs {
 public:
  /// @param ids [count], each in [0, vocabulary)
  /// @param table [vocabulary, width]
  EmbeddedInputs(const int32_t* ids, int64_t count, const float* table, int64_t vocabulary,
                 int64_t width);

  /// How many different rows there are, U.
  int64_t count() const { return static_cast<int64_t>(row_of_slot_.size()); }
  /// The rows [U, width].
  const float* rows() const { return rows_.data(); }
  /// Which of the rows the i-th id names.
  int32_t SlotOf(int64_t i) const { return slots_.data()[i]; }

  /// Sums the `gradients` of each row, columns of a matrix of as many rows as there are ids, in
  /// `sums` [U, columns], in the order of the ids.
  template <class Element>
  void AddUp(const Columns<Element>& gradients, float* sums) const;

  /// Puts the gradients of the rows [U, width] to their places in that of the whole table.
  void Scatter(const float* gradients, float* d_table) const;

 private:
  int64_t id_count_, vocabulary_, width_;
  Buffer<int32_t> slots_;
  std::vector<int32_t> row_of_slot_;
  Buffer<float> rows_;
};

}  // namespace gru_lm
