// Products of matrices by oneDNN, whose compiled primitives are kept for the next call.
#pragma once

#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "buffer.h"
#include "numbers.h"

namespace gru_lm {

/// C [m, n] (+)= A [m, k] · B [k, n]. A and B are of one precision, C is float32.
struct ProductShape {
  int64_t m = 0, k = 0, n = 0;
  Precision precision = Precision::kFloat32;
  /// A is stored as its transpose [k, m].
  bool transposed_a = false;
  /// Elements from a stored row of A to the next; 0: they follow each other.
  int64_t a_stride = 0;
  /// The product is added to C.
  bool accumulate = false;
  /// B is packed for products of this many rows; 0: it is stored as [k, n].
  int64_t packed_for = 0;
  /// The thread that runs it does so alone, while others may run products of their own.
  bool alone = false;
};

struct CompiledProduct;

/// A product that can be run again and again.
class Product {
 public:
  explicit Product(const ProductShape& shape);
  void Run(const void* a, const void* b, float* c);

 private:
  ProductShape shape_;
  /// Null where the product runs in tiles.
  std::shared_ptr<CompiledProduct> compiled_;
  std::unique_ptr<Buffer<char>> copy_of_a_;
  dnnl::memory a_, b_, c_, scratchpad_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

/// How a matrix of weights is stored before it is packed.
enum class Stored { kAsIs, kTransposed };

/// The B of a product in the order in which the product reads it, and in its precision.
class PackedMatrix {
 public:
  /// @param matrix [k, n], or [n, k] where it is stored transposed
  /// @param rows what products will mostly have as their m
  /// @param alone whether threads will run them alone
  PackedMatrix(const float* matrix, Stored stored, int64_t k, int64_t n, int64_t rows,
               Precision precision, bool alone = false);
  const void* data() const { return data_->data(); }

  /// The shape of a product of `m` rows with this matrix.
  ProductShape ShapeFor(int64_t m) const;

 private:
  int64_t k_, n_, rows_;
  Precision precision_;
  bool alone_;
  std::unique_ptr<Buffer<char>> data_;
};

}  // namespace gru_lm
