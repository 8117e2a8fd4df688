// Numbers element by element, written so that compilers turn loops of them into vector code.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace gru_lm {

/// The upper half of a float32.
struct Bfloat16 {
  uint16_t bits;
};

/// A float32 that is a bfloat16's value, for processors that multiply float32 faster.
struct RoundedFloat {
  float value;
};

/// What the products of the matrices are computed from; sums, states and weights are float32.
enum class Precision { kFloat32, kBfloat16, kRoundedFloat };

inline float BitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t FloatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline void Store(float* at, float value) { *at = value; }

/// The nearest bfloat16 in the upper half, ties to even; the lower half is 0.
inline uint32_t RoundedBits(float value) {
  const uint32_t bits = FloatToBits(value);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  // A NaN's low bits must not carry it to infinity.
  return (value != value ? bits | 0x400000u : rounded) & 0xffff0000u;
}

inline void Store(Bfloat16* at, float value) {
  at->bits = static_cast<uint16_t>(RoundedBits(value) >> 16);
}

inline void Store(RoundedFloat* at, float value) { at->value = BitsToFloat(RoundedBits(value)); }

/// e^x with a relative error below 2e-7 (Cody & Waite's reduction, Cephes' polynomial).
inline float Exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // Adding 1.5 · 2^23 rounds to a whole number, which then stands in the lowest bits.
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = p * (r * r) + r + 1.0f;
  const uint32_t exponent = (FloatToBits(shifted) - 0x4b400000u + 127u) << 23;
  return mantissa * BitsToFloat(exponent);
}

inline float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }

/// tanh x, near 0 by Cephes' polynomial, where 1 − 2 / (e^2x + 1) would lose digits.
inline float Tanh(float x) {
  const float square = x * x;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float near = p * square * x + x;
  const float far = 1.0f - 2.0f / (Exp(2.0f * x) + 1.0f);
  return square < 0.390625f ? near : far;
}

}  // namespace gru_lm
