#include "tile_order.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#include <immintrin.h>

namespace gru_lm {
namespace {

/// A tile's lines. Each is 16 pairs of neighbours along the depth.
using Lines = __m512i[kTileWidth];

__mmask16 FirstOf(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, 16)) - 1);
}

/// 16 elements, zeros where the mask has none.
__m256i Load(const Bfloat16* at, __mmask16 mask) { return _mm256_maskz_loadu_epi16(mask, at); }
__m256i Load(const float* at, __mmask16 mask) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, at)));
}

/// A line is a row or column of the matrix.
template <class Element>
inline void LoadAlongDepth(const Element* at, int64_t stride, int64_t depth, int64_t width,
                           Lines lines) {
  const __mmask16 low = FirstOf(depth), high = FirstOf(depth - kTileWidth);
#pragma GCC unroll 16
  for (int64_t i = 0; i < kTileWidth; i++) {
    const Element* line = at + i * stride;
    const __m256i first = Load(line, i < width ? low : 0);
    const __m256i second = Load(line + kTileWidth, i < width ? high : 0);
    lines[i] = _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
  }
}

/// A line is two steps of the depth.
template <class Element>
inline void LoadAlongWidth(const Element* at, int64_t stride, int64_t depth, int64_t width,
                           Lines lines) {
  const __mmask16 mask = FirstOf(width);
#pragma GCC unroll 16
  for (int64_t i = 0; i < kTileWidth; i++) {
    const Element* line = at + 2 * i * stride;
    const __m256i first = Load(line, 2 * i < depth ? mask : 0);
    const __m256i second = Load(line + stride, 2 * i + 1 < depth ? mask : 0);
    lines[i] = _mm512_or_si512(_mm512_cvtepu16_epi32(first),
                               _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
  }
}

/// Exchanges lines and pairs, as four by four blocks of four by four pairs.
inline void Transpose(Lines lines) {
  Lines mixed;
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512i ab = _mm512_unpacklo_epi32(lines[i], lines[i + 1]);
    const __m512i cd = _mm512_unpacklo_epi32(lines[i + 2], lines[i + 3]);
    const __m512i ef = _mm512_unpackhi_epi32(lines[i], lines[i + 1]);
    const __m512i gh = _mm512_unpackhi_epi32(lines[i + 2], lines[i + 3]);
    mixed[i] = _mm512_unpacklo_epi64(ab, cd);
    mixed[i + 1] = _mm512_unpackhi_epi64(ab, cd);
    mixed[i + 2] = _mm512_unpacklo_epi64(ef, gh);
    mixed[i + 3] = _mm512_unpackhi_epi64(ef, gh);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const __m512i even_low = _mm512_shuffle_i32x4(mixed[i], mixed[i + 4], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(mixed[i], mixed[i + 4], 0xdd);
    const __m512i even_high = _mm512_shuffle_i32x4(mixed[i + 8], mixed[i + 12], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(mixed[i + 8], mixed[i + 12], 0xdd);
    lines[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
    lines[i + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    lines[i + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
    lines[i + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
  }
}

template <Along kAlong, class Element>
__attribute__((always_inline)) inline void PackTile(const Element* at, int64_t stride,
                                                    int64_t depth, int64_t width, bool transpose,
                                                    char* tile) {
  Lines lines;
  if constexpr (kAlong == Along::kDepth) {
    LoadAlongDepth(at, stride, depth, width, lines);
  } else {
    LoadAlongWidth(at, stride, depth, width, lines);
  }
  if (transpose) Transpose(lines);
  for (int64_t i = 0; i < kTileWidth; i++) _mm512_store_si512(tile + i * 64, lines[i]);
}

}  // namespace

template <class Element>
void PackTiles(const Element* matrix, Along along, int64_t stride, int64_t depth, int64_t width,
               Factor factor, char* tiles) {
  const TileOrder order(depth, width);
  for (int64_t d = 0; d < order.depth_tiles; d++) {
    for (int64_t w = 0; w < order.width_tiles; w++) {
      const int64_t to_depth = d * kTileDepth, to_width = w * kTileWidth;
      // Of whole tiles, which most are, the compiler knows all masks.
      const int64_t deep = std::min(depth - to_depth, kTileDepth);
      const int64_t wide = std::min(width - to_width, kTileWidth);
      const bool is_whole = deep == kTileDepth && wide == kTileWidth;
      char* tile = tiles + order.OffsetOf(w / 2, d) + w % 2 * kTileBytes;
      const bool transpose = (along == Along::kDepth) != (factor == Factor::kA);
      if (along == Along::kDepth) {
        const Element* at = matrix + to_width * stride + to_depth;
        is_whole ? PackTile<Along::kDepth>(at, stride, kTileDepth, kTileWidth, transpose, tile)
                 : PackTile<Along::kDepth>(at, stride, deep, wide, transpose, tile);
      } else {
        const Element* at = matrix + to_depth * stride + to_width;
        is_whole ? PackTile<Along::kWidth>(at, stride, kTileDepth, kTileWidth, transpose, tile)
                 : PackTile<Along::kWidth>(at, stride, deep, wide, transpose, tile);
      }
    }
  }
}

template void PackTiles(const float*, Along, int64_t, int64_t, int64_t, Factor, char*);
template void PackTiles(const Bfloat16*, Along, int64_t, int64_t, int64_t, Factor, char*);

}  // namespace gru_lm

#endif
