// Products of bfloat16 matrices in the tiles of AMX. For the small products of a recurrent step
// they take about half of the time that oneDNN's take.
//
// C [m, n] (+)= A [m, k] · B [k, n]. Every element of C is summed up along k by one thread, so that
// how many threads there are does not show in it.
#pragma once

#include <cstdint>

#include "numbers.h"

namespace gru_lm {

/// Whether the processor has the instructions and the system lets this process use them.
bool HasTiles();

/// Bytes of a packed B.
int64_t TileBytesOf(int64_t k, int64_t n);

/// Puts B into the order in which products read it. It is stored as [k, n], or as [n, k].
void PackForTiles(const float* b, bool is_transposed, int64_t k, int64_t n, void* packed);
void PackForTiles(const Bfloat16* b, bool is_transposed, int64_t k, int64_t n, void* packed);

struct TileProductShape {
  int64_t m, k, n;
  /// Elements from a stored row of A to the next.
  int64_t a_stride;
  bool accumulate;
  int threads;
};

/// The product of A [m, k] and a packed B.
void TileProduct(const TileProductShape& shape, const Bfloat16* a, const void* packed, float* c);

/// The product of Aᵀ and B, where A is [k, m] and B is [k, n].
void TileProductOverRows(const TileProductShape& shape, const Bfloat16* a, const Bfloat16* b,
                         float* c);

}  // namespace gru_lm
