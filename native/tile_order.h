// Matrices of bfloat16 in the order in which the tiles of AMX read them.
//
// A product adds up over its depth. A tile holds 32 steps of the depth of 16 rows of A or 16
// columns of B: of A a row a line, of B two steps a line, the two of a column beside each other.
// Two tiles that are read together stand side by side, and such pairs follow each other along the
// depth.
#pragma once

#include <algorithm>
#include <cstdint>

#include "numbers.h"

namespace gru_lm {

/// Rows of A and columns of B in a tile; a tile's lines.
constexpr int64_t kTileWidth = 16;
/// Steps of the depth in a tile.
constexpr int64_t kTileDepth = 32;
constexpr int64_t kTileBytes = kTileWidth * kTileDepth * sizeof(Bfloat16);

/// Which factor of a product a matrix is.
enum class Factor { kA, kB };

/// Along what a matrix's elements stand beside each other in memory.
enum class Along { kDepth, kWidth };

/// The tiles of a matrix, its edges filled up with zeros.
struct TileOrder {
  int64_t depth_tiles, width_tiles;

  TileOrder(int64_t depth, int64_t width)
      : depth_tiles((depth + kTileDepth - 1) / kTileDepth),
        width_tiles((width + kTileWidth - 1) / kTileWidth) {}
  int64_t bytes() const { return depth_tiles * width_tiles * kTileBytes; }
  /// How many tiles stand side by side where the tiles `pair` and the one after it are.
  int64_t InPair(int64_t pair) const { return std::min<int64_t>(2, width_tiles - 2 * pair); }
  int64_t OffsetOf(int64_t pair, int64_t depth_tile) const {
    return (2 * pair * depth_tiles + depth_tile * InPair(pair)) * kTileBytes;
  }
};

/// Puts a matrix of which `stride` elements lie between neighbours across `along` into `tiles`.
template <class Element>
void PackTiles(const Element* matrix, Along along, int64_t stride, int64_t depth, int64_t width,
               Factor factor, char* tiles);

}  // namespace gru_lm
