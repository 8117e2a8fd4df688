// One pool of threads for everything: libgomp's, on which oneDNN runs too. Its entry points are
// called by name, so that any compiler's code joins the same pool.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <mutex>

extern "C" {
void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);
}

namespace gru_lm {

/// Runs `body(thread, threads)` once on each of at most `wanted` threads, and waits for all. What
/// one of them throws is thrown here: nothing may leave a thread of the pool.
template <class Body>
void OnThreads(int wanted, const Body& body) {
  if (wanted <= 1) {
    body(0, 1);
    return;
  }
  struct Work {
    const Body& body;
    std::mutex mutex;
    std::exception_ptr failure;
  } work{body, {}, nullptr};
  GOMP_parallel(
      [](void* data) {
        Work& shared = *static_cast<Work*>(data);
        try {
          shared.body(omp_get_thread_num(), omp_get_num_threads());
        } catch (...) {
          const std::lock_guard<std::mutex> lock(shared.mutex);
          shared.failure = std::current_exception();
        }
      },
      &work, static_cast<unsigned>(wanted), 0);
  if (work.failure) std::rethrow_exception(work.failure);
}

/// How many threads `count` pieces of work are worth, where one thread should get `grain` or more.
inline int ThreadsFor(int64_t count, int64_t grain) {
  return static_cast<int>(
      std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, omp_get_max_threads()));
}

/// Thread `thread`'s part of [0, count): neighbours, cut at multiples of `unit`.
struct Range {
  int64_t begin, end;
  Range(int64_t count, int thread, int threads, int64_t unit = 1) {
    const int64_t units = (count + unit - 1) / unit;
    begin = std::min(count, units * thread / threads * unit);
    end = std::min(count, units * (thread + 1) / threads * unit);
  }
};

/// Runs `body(begin, end)` on parts of [0, count), of `grain` or more, cut at multiples of `unit`.
template <class Body>
void ParallelFor(int64_t count, int64_t grain, int64_t unit, const Body& body) {
  OnThreads(ThreadsFor(count, grain), [&](int thread, int threads) {
    const Range range(count, thread, threads, unit);
    if (range.begin < range.end) body(range.begin, range.end);
  });
}

}  // namespace gru_lm
