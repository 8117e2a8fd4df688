// What the recurrent layers have in common.
#pragma once

#include <algorithm>
#include <cstdint>

#include "operand.h"
#include "parallel.h"

namespace gru_lm {

/// Steps whose W x, of `a_step` elements each, is computed at a time, so that it is still in the
/// cache when the steps come to it.
inline int64_t StepsAtATime(int64_t steps, int64_t a_step) {
  constexpr int64_t kElementsAtATime = 1 << 20;
  return std::clamp<int64_t>(kElementsAtATime / a_step, 1, steps);
}

/// Streams that go through the steps together.
struct Streams {
  int64_t first, count;
  /// Which of the groups it is.
  int group;
  /// One thread takes them through by itself.
  bool alone;
};

/// How the streams of a batch are divided. Where there are enough, each thread takes some of them
/// through all steps, and no thread waits for another; otherwise they go together, and the threads
/// share the work of each step, unless that is so little that one of them does it sooner alone.
class Division {
 public:
  /// @param weights that each stream is multiplied by in a step
  Division(int64_t batch, int64_t weights) : batch_(batch) {
    // Fewer rows than this make a product slower by more than waiting costs.
    constexpr int64_t kStreamsAThread = 8;
    // Some 50 us of work. Waiting takes a few, and far more where other processes want the cores.
    constexpr int64_t kProductsAThread = 1 << 20;
    const int threads = omp_get_max_threads();
    groups_ = batch >= kStreamsAThread * threads ? threads : 1;
    alone_ = groups_ > 1 || batch * weights < kProductsAThread * threads;
  }
  int groups() const { return groups_; }
  bool alone() const { return alone_; }
  /// Streams of the largest group: the rows of most products.
  int64_t most() const { return (batch_ + groups_ - 1) / groups_; }

  /// Runs `body(streams)` for every group, each on a thread of its own.
  template <class Body>
  void ForEach(const Body& body) const {
    OnThreads(groups_, [&](int thread, int threads) {
      for (int group = thread; group < groups_; group += threads) {
        const Range range(batch_, group, groups_);
        body(Streams{range.begin, range.end - range.begin, group, alone_});
      }
    });
  }

 private:
  int64_t batch_;
  int groups_;
  bool alone_;
};

/// Runs `body(begin, end)` on the units in [0, hidden) of a step, by as many threads as it is
/// worth.
template <class Body>
void ForUnits(const Streams& streams, int64_t hidden, const Body& body) {
  if (streams.alone) {
    body(0, hidden);
    return;
  }
  const int64_t units_a_thread = std::max<int64_t>(16, kElementsAThread / 4 / streams.count);
  ParallelFor(hidden, units_a_thread, 16, body);
}

/// The state before each step [T·B, H]: `initial` [B, H], then all but the last of `outputs`.
template <class Element>
void CopyPreviousStates(const float* initial, const float* outputs, int64_t steps, int64_t state,
                        Element* previous) {
  Convert(initial, previous, state);
  if (steps > 1) Convert(outputs, previous + state, (steps - 1) * state);
}

}  // namespace gru_lm
