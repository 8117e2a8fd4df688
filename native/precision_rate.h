// Whether this processor multiplies bfloat16 faster than float32.
#pragma once

#include "numbers.h"

namespace gru_lm {

/// Having AVX512-BF16 is not enough: Intel's processors, AMX aside, get half as much done by it as by
/// their instructions for float32, and no flag says so. The first call measures, for a fifth of a
/// millisecond.
bool MultipliesBfloat16Faster();

/// How products of bfloat16 are computed: from bfloat16, or by the faster instructions from the same
/// values in float32. The products are the same, their sums but for the order.
Precision PrecisionOfBfloat16();

}  // namespace gru_lm
