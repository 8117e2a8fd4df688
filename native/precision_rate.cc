#include "precision_rate.h"

#include "instruction_set.h"

#ifdef __AVX512BF16__

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace gru_lm {
namespace {

/// Sums that do not wait for each other, as many as keep the processor busy.
constexpr int kChains = 12;
constexpr int kLength = 2000;
constexpr int kRounds = 7;  // in one of which at least nothing else happens

/// Where the ratio is not plainly on one side, float32 rounds less.
constexpr double kWorthRounding = 1.2;

/// Seconds of kLength · kChains times `multiply`, which adds products of `a` and `b` to a sum.
template <class Vector, class Multiply>
double SecondsOf(Vector a, Vector b, const Multiply& multiply) {
  __m512 sums[kChains];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  asm volatile("" : "+v"(a), "+v"(b));  // unknown to the compiler
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kLength; i++) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; chain++) sums[chain] = multiply(sums[chain], a, b);
  }
  for (const __m512& sum : sums) asm volatile("" : : "v"(sum));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool IsBfloat16InstructionFaster() {
  constexpr double kFloats = 16, kPairs = 32;  // that an instruction multiplies
  const __m512 zeros = _mm512_setzero_ps();
  const __m512bh short_zeros = _mm512_cvtne2ps_pbh(zeros, zeros);
  const auto add = [](__m512 sum, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, sum); };
  const auto add_pairs = [](__m512 sum, __m512bh a, __m512bh b) {
    return _mm512_dpbf16_ps(sum, a, b);
  };
  double float32 = std::numeric_limits<double>::infinity(), bfloat16 = float32;
  for (int round = 0; round < kRounds; round++) {
    float32 = std::min(float32, SecondsOf(zeros, zeros, add));
    bfloat16 = std::min(bfloat16, SecondsOf(short_zeros, short_zeros, add_pairs));
  }
  return kPairs / bfloat16 > kWorthRounding * kFloats / float32;
}

}  // namespace
}  // namespace gru_lm

#else

namespace gru_lm {
namespace {

/// A compiler that does not know the instruction cannot ask; most processors that have it are.
bool IsBfloat16InstructionFaster() { return true; }

}  // namespace
}  // namespace gru_lm

#endif

namespace gru_lm {

bool MultipliesBfloat16Faster() {
  static const bool answer =
      HasInstructions(dnnl::cpu_isa::avx512_core_amx) ||
      (HasInstructions(dnnl::cpu_isa::avx512_core_bf16) && IsBfloat16InstructionFaster());
  return answer;
}

Precision PrecisionOfBfloat16() {
  return MultipliesBfloat16Faster() ? Precision::kBfloat16 : Precision::kRoundedFloat;
}

}  // namespace gru_lm
