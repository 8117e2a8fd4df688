// Scratch memory of one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace gru_lm {

/// Uninitialised memory for `count` elements, aligned to a cache line.
template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t count) {
    if (count <= 0) return;
    const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (data_ == nullptr) throw std::bad_alloc();
  }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() const { return data_; }
  T* operator+(int64_t offset) const { return data_ + offset; }

 private:
  T* data_ = nullptr;
};

}  // namespace gru_lm
