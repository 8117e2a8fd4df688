// Whether this processor multiplies bfloat16 faster than float32.
#pragma once

namespace gru_lm {

/// For processors that have AVX512-BF16. As they answer it: those of Intel, AMX aside, get half as much done by their
/// instructions for bfloat16 as by those for float32, and no flag says so. It takes a fifth of a
/// millisecond.
bool MultipliesBfloat16Faster();

}  // namespace gru_lm
