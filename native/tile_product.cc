#include "tile_product.h"

#if defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(__AVX512BF16__)

#include <sys/syscall.h>
#include <unistd.h>

#include "buffer.h"
#include "instruction_set.h"
#include "parallel.h"
#include "tile_kernel.h"
#include "tile_order.h"

namespace gru_lm {
namespace {

/// Of a packed B, what is multiplied with all rows before the rest of it is: it stays in the cache
/// of the processor's second level.
constexpr int64_t kDepthTilesAtATime = 64, kBytesAtATime = 1 << 20;
/// Of products over rows, what is packed at a time.
constexpr int64_t kRowsAtATime = 512, kColumnsAtATime = 512;
/// Multiplications that are worth another thread.
constexpr int64_t kWorkAThread = 1 << 18;

/// Asks Linux for the state of the tiles, which it keeps for processes that want it only.
bool RequestTiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

/// Runs `body(rows, columns)` on parts of C that are whole blocks, as many as there are threads.
template <class Body>
void ForParts(const TileProductShape& s, const Body& body) {
  const int64_t most = s.m * s.k * s.n / kWorkAThread;
  const int threads = static_cast<int>(std::clamp<int64_t>(most, 1, s.threads));
  const bool by_rows = s.m >= s.n || s.m >= kBlockWidth * 4 * threads;
  OnThreads(threads, [&](int thread, int count) {
    const Range all_rows(s.m, 0, 1), all_columns(s.n, 0, 1);
    if (by_rows) {
      body(Range(s.m, thread, count, kBlockWidth), all_columns);
    } else {
      body(all_rows, Range(s.n, thread, count, kBlockWidth));
    }
  });
}

/// The packed order of what is not a multiple of a tile's depth, with zeros for the rest.
class PaddedRows {
 public:
  PaddedRows(int64_t depth_tiles)
      : tiles_(depth_tiles * kBlockWidth * kTileDepth * static_cast<int64_t>(sizeof(Bfloat16))) {}
  RowBlock Pack(const Bfloat16* a, int64_t stride, int64_t depth, int64_t rows) {
    PackTiles(a, Along::kDepth, stride, depth, rows, Factor::kA, tiles_.data());
    return {tiles_.data(), kTileBytes, 64, rows > kTileWidth ? 2 * kTileBytes : kTileBytes, rows};
  }

 private:
  Buffer<char> tiles_;
};

void MultiplyPart(const TileProductShape& s, const Range& rows, const Range& columns,
                  const Bfloat16* a, const char* packed, float* c) {
  const TileOrder order(s.k, s.n);
  const bool is_padded = s.k % kTileDepth != 0;
  const int64_t depth_at_a_time = std::min(order.depth_tiles, kDepthTilesAtATime);
  const int64_t pairs_at_a_time =
      std::max<int64_t>(1, kBytesAtATime / (2 * depth_at_a_time * kTileBytes));
  PaddedRows padded(is_padded ? depth_at_a_time : 0);
  TileConfiguration configuration;
  const int64_t last = (columns.end + kBlockWidth - 1) / kBlockWidth;
  for (int64_t begin = columns.begin / kBlockWidth; begin < last; begin += pairs_at_a_time) {
    const int64_t end = std::min(last, begin + pairs_at_a_time);
    for (int64_t d = 0; d < order.depth_tiles; d += depth_at_a_time) {
      const int64_t depth_tiles = std::min(depth_at_a_time, order.depth_tiles - d);
      for (int64_t i = rows.begin; i < rows.end; i += kBlockWidth) {
        const int64_t count = std::min(kBlockWidth, rows.end - i);
        const Bfloat16* block = a + i * s.a_stride + d * kTileDepth;
        const int64_t stride = s.a_stride * static_cast<int64_t>(sizeof(Bfloat16));
        const RowBlock row_block =
            is_padded ? padded.Pack(block, s.a_stride,
                                    std::min(s.k - d * kTileDepth, depth_tiles * kTileDepth), count)
                      : RowBlock{reinterpret_cast<const char*>(block), kTileWidth * stride, stride,
                                 64, count};
        configuration.Use(count);
        for (int64_t pair = begin; pair < end; pair++) {
          const int64_t j = pair * kBlockWidth;
          MultiplyBlock(row_block, packed + order.OffsetOf(pair, d), depth_tiles, c + i * s.n + j,
                        s.n, std::min(kBlockWidth, s.n - j), s.accumulate || d > 0);
        }
      }
    }
  }
}

void MultiplyPartOverRows(const TileProductShape& s, const Range& rows, const Range& columns,
                          const Bfloat16* a, const Bfloat16* b, float* c) {
  const auto bytes = [&](const Range& range, int64_t most) {
    return TileOrder(std::min(s.k, kRowsAtATime), std::min(range.end - range.begin, most)).bytes();
  };
  Buffer<char> a_tiles(bytes(rows, kColumnsAtATime)), b_tiles(bytes(columns, kColumnsAtATime));
  TileConfiguration configuration;
  for (int64_t j = columns.begin; j < columns.end; j += kColumnsAtATime) {
    const int64_t width = std::min(kColumnsAtATime, columns.end - j);
    for (int64_t k = 0; k < s.k; k += kRowsAtATime) {
      const int64_t depth = std::min(kRowsAtATime, s.k - k);
      PackTiles(b + k * s.n + j, Along::kWidth, s.n, depth, width, Factor::kB, b_tiles.data());
      const TileOrder b_order(depth, width);
      for (int64_t i = rows.begin; i < rows.end; i += kColumnsAtATime) {
        const int64_t height = std::min(kColumnsAtATime, rows.end - i);
        PackTiles(a + k * s.a_stride + i, Along::kWidth, s.a_stride, depth, height, Factor::kA,
                  a_tiles.data());
        const TileOrder a_order(depth, height);
        for (int64_t row = 0; row < height; row += kBlockWidth) {
          const int64_t count = std::min(kBlockWidth, height - row);
          const int64_t row_pair = row / kBlockWidth;
          const RowBlock block{a_tiles + a_order.OffsetOf(row_pair, 0), kTileBytes, 64,
                               a_order.InPair(row_pair) * kTileBytes, count};
          configuration.Use(count);
          for (int64_t column = 0; column < width; column += kBlockWidth) {
            MultiplyBlock(block, b_tiles + b_order.OffsetOf(column / kBlockWidth, 0),
                          b_order.depth_tiles, c + (i + row) * s.n + j + column, s.n,
                          std::min(kBlockWidth, width - column), s.accumulate || k > 0);
          }
        }
      }
    }
  }
}

template <class Element>
void Pack(const Element* b, bool is_transposed, int64_t k, int64_t n, void* packed) {
  const TileOrder order(k, n);
  const int64_t pairs = (n + kBlockWidth - 1) / kBlockWidth;
  const int64_t pairs_a_thread = std::max<int64_t>(1, (1 << 14) / (k * kBlockWidth));
  ParallelFor(pairs, pairs_a_thread, 1, [&](int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; pair++) {
      const int64_t j = pair * kBlockWidth;
      char* tiles = static_cast<char*>(packed) + order.OffsetOf(pair, 0);
      const int64_t width = std::min(kBlockWidth, n - j);
      if (is_transposed) {
        PackTiles(b + j * k, Along::kDepth, k, k, width, Factor::kB, tiles);
      } else {
        PackTiles(b + j, Along::kWidth, n, k, width, Factor::kB, tiles);
      }
    }
  });
}

}  // namespace

bool HasTiles() {
  static const bool has = [] {
    return HasInstructions(dnnl::cpu_isa::avx512_core_amx) && RequestTiles();
  }();
  return has;
}

void PackForTiles(const float* b, bool is_transposed, int64_t k, int64_t n, void* packed) {
  Pack(b, is_transposed, k, n, packed);
}

void PackForTiles(const Bfloat16* b, bool is_transposed, int64_t k, int64_t n, void* packed) {
  Pack(b, is_transposed, k, n, packed);
}

int64_t TileBytesOf(int64_t k, int64_t n) { return TileOrder(k, n).bytes(); }

void TileProduct(const TileProductShape& shape, const Bfloat16* a, const void* packed, float* c) {
  ForParts(shape, [&](const Range& rows, const Range& columns) {
    MultiplyPart(shape, rows, columns, a, static_cast<const char*>(packed), c);
  });
}

void TileProductOverRows(const TileProductShape& shape, const Bfloat16* a, const Bfloat16* b,
                         float* c) {
  ForParts(shape, [&](const Range& rows, const Range& columns) {
    MultiplyPartOverRows(shape, rows, columns, a, b, c);
  });
}

}  // namespace gru_lm

#else

namespace gru_lm {

bool HasTiles() { return false; }
int64_t TileBytesOf(int64_t, int64_t) { return 0; }
void PackForTiles(const float*, bool, int64_t, int64_t, void*) {}
void PackForTiles(const Bfloat16*, bool, int64_t, int64_t, void*) {}
void TileProduct(const TileProductShape&, const Bfloat16*, const void*, float*) {}
void TileProductOverRows(const TileProductShape&, const Bfloat16*, const Bfloat16*, float*) {}

}  // namespace gru_lm

#endif
