// The innermost part of a product in tiles: up to 32 rows of A times up to 32 columns of B.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "tile_order.h"

namespace gru_lm {

constexpr int64_t kBlockWidth = 2 * kTileWidth;

/// Up to 32 rows of A along some of its depth.
struct RowBlock {
  const char* tiles;
  /// Bytes from a tile to that of the next 16 rows, from a row to the next, and from a tile to the
  /// next along the depth.
  int64_t to_second, row_stride, step;
  int64_t rows;
};

/// What the tiles of a thread are: 0 to 3 those of C, row by row, 4 and 5 of A, 6 and 7 of B.
class TileConfiguration {
 public:
  /// For blocks of so many rows. oneDNN configures the tiles of its threads, too, so that what was
  /// set by an earlier product says nothing.
  void Use(int64_t rows) {
    if (rows == rows_) return;
    rows_ = rows;
    const auto first = static_cast<uint8_t>(std::min(rows, kTileWidth));
    const auto second = static_cast<uint8_t>(rows - first);
    const uint8_t lines[8] = {first, first, second, second, first, second, 16, 16};
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes_a_line[16] = {};
      uint8_t lines[16] = {};
    } settings;
    for (int tile = 0; tile < 8; tile++) {
      settings.lines[tile] = lines[tile];
      settings.bytes_a_line[tile] = lines[tile] > 0 ? 64 : 0;
    }
    // The compiler does not know that the instruction reads all of this.
    asm volatile("" ::"r"(&settings) : "memory");
    _tile_loadconfig(&settings);
  }

 private:
  int64_t rows_ = 0;
};

/// C (+)= A · B for blocks of so many tiles. B's tiles follow each other.
template <bool kSecondRow, bool kSecondColumn>
void MultiplyTiles(const RowBlock& a, const char* b, int64_t depth_tiles, float* c,
                   int64_t c_stride, bool accumulate) {
  const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof(float));
  float* c_second = c + kTileWidth * c_stride;
  if (accumulate) {
    _tile_loadd(0, c, c_bytes);
    if constexpr (kSecondColumn) _tile_loadd(1, c + kTileWidth, c_bytes);
    if constexpr (kSecondRow) _tile_loadd(2, c_second, c_bytes);
    if constexpr (kSecondRow && kSecondColumn) _tile_loadd(3, c_second + kTileWidth, c_bytes);
  } else {
    _tile_zero(0);
    if constexpr (kSecondColumn) _tile_zero(1);
    if constexpr (kSecondRow) _tile_zero(2);
    if constexpr (kSecondRow && kSecondColumn) _tile_zero(3);
  }
  const char* rows = a.tiles;
  for (int64_t d = 0; d < depth_tiles; d++) {
    _tile_loadd(4, rows, a.row_stride);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kSecondColumn) {
      _tile_loadd(7, b + kTileBytes, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (kSecondRow) {
      _tile_loadd(5, rows + a.to_second, a.row_stride);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (kSecondColumn) _tile_dpbf16ps(3, 5, 7);
    }
    rows += a.step;
    b += (kSecondColumn ? 2 : 1) * kTileBytes;
  }
  _tile_stored(0, c, c_bytes);
  if constexpr (kSecondColumn) _tile_stored(1, c + kTileWidth, c_bytes);
  if constexpr (kSecondRow) _tile_stored(2, c_second, c_bytes);
  if constexpr (kSecondRow && kSecondColumn) _tile_stored(3, c_second + kTileWidth, c_bytes);
}

/// The same for `a.rows` rows and `columns` columns of C. The configuration is for that many rows.
inline void MultiplyBlock(const RowBlock& a, const char* b, int64_t depth_tiles, float* c,
                          int64_t c_stride, int64_t columns, bool accumulate) {
  // The compiler does not know that the instructions read memory either.
  asm volatile("" ::: "memory");
  if (columns % kTileWidth != 0) {
    // What tiles have more than C goes elsewhere.
    alignas(64) float whole[kBlockWidth * kBlockWidth];
    const size_t bytes = static_cast<size_t>(columns) * sizeof(float);
    for (int64_t i = 0; accumulate && i < a.rows; i++) {
      std::memcpy(whole + i * kBlockWidth, c + i * c_stride, bytes);
    }
    MultiplyBlock(a, b, depth_tiles, whole, kBlockWidth,
                  columns > kTileWidth ? kBlockWidth : kTileWidth, accumulate);
    for (int64_t i = 0; i < a.rows; i++) {
      std::memcpy(c + i * c_stride, whole + i * kBlockWidth, bytes);
    }
    return;
  }
  const auto multiply =
      a.rows > kTileWidth
          ? (columns > kTileWidth ? MultiplyTiles<true, true> : MultiplyTiles<true, false>)
          : (columns > kTileWidth ? MultiplyTiles<false, true> : MultiplyTiles<false, false>);
  multiply(a, b, depth_tiles, c, c_stride, accumulate);
}

}  // namespace gru_lm
